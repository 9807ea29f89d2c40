// heal_bench: how long one layer of `coe heal` takes to be fitted, and its vectors to be stored and
// read, from random numbers in the shape of a model. The limit is the time that the matrix products
// of the fit take by themselves, measured in the same run.
#include "coe/base/file.h"
#include "coe/base/machine.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/child/heal/block.h"
#include "coe/child/heal/fit.h"
#include "coe/child/heal/linear_algebra.h"

#include "timing.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace coe::bench {
namespace {

struct Options {
  std::size_t n_embd = 2816;  // Gemma 4 26B-A4B
  std::size_t n_ff = 2112;
  std::size_t n_token = 16384;
  std::size_t n_validation = 4000;
  std::uint32_t n_step = 10;
  std::string json;
};

void fill(std::vector<float>& values, float size, Rng& rng) {
  for (float& value : values) value = size * static_cast<float>(rng.uniform() - .5);
}

Matrix random_matrix(std::size_t n_row, std::size_t n_column, float size, Rng& rng) {
  Matrix matrix(n_row, n_column);
  fill(matrix.values, size, rng);
  return matrix;
}

Block random_block(const Options& options, Rng& rng) {
  Block block;
  block.eps = 1e-6F;
  block.input_norm.assign(options.n_embd, 1.0F);
  block.outer_norm.assign(options.n_embd, .5F);
  const auto size = 2.0F / std::sqrt(static_cast<float>(options.n_embd));
  block.parent.gate = random_matrix(options.n_ff, options.n_embd, size, rng);
  block.parent.up = random_matrix(options.n_ff, options.n_embd, size, rng);
  block.parent.down = random_matrix(options.n_embd, options.n_ff, size, rng);
  block.parent.g1.assign(options.n_embd, 1.0F);
  block.parent.g2.assign(options.n_embd, 1.0F);
  return block;
}

// The kept experts are the parent's with noise, in pieces as heal() reads them.
LayerTokens random_tokens(const Block& block, std::size_t n, bool keep_act, GainSums* gain,
                          Rng& rng) {
  const std::size_t n_pass = MathDevice::pass_tokens();
  LayerTokens tokens;
  DenseForward work;
  make_room(block, n, keep_act, tokens);
  for (std::size_t at = 0; at < n; at += n_pass) {
    EngineTokens batch;
    batch.stream = random_matrix(std::min(n_pass, n - at), block.n_embd(), 2.0F, rng);
    batch.experts = random_matrix(batch.stream.n_row, block.n_embd(), 1.0F, rng);
    batch.kept = batch.experts;
    for (float& value : batch.kept.values)
      value = .7F * value + .3F * static_cast<float>(rng.uniform() - .5);
    put_tokens(block, batch, at, tokens, gain, work);
  }
  return tokens;
}

double seconds_of_products(const Options& options, Rng& rng) {
  constexpr std::size_t kRows = 2048;
  const auto act = random_matrix(kRows, options.n_ff, 1.0F, rng);
  const auto down = random_matrix(options.n_embd, options.n_ff, 1.0F, rng);
  Matrix out;
  multiply_transposed(act, down, out);
  constexpr int kTimes = 5;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kTimes; ++i) multiply_transposed(act, down, out);
  const double n_flop = 2.0 * kTimes * static_cast<double>(kRows * options.n_ff * options.n_embd);
  return seconds_since(start) / n_flop;  // a floating-point operation
}

// Operations of the products in a fit; docs/method.md, "Healing".
double flops_of(HealMethod method, const Options& options) {
  const auto d = static_cast<double>(options.n_embd);
  const auto f = static_cast<double>(options.n_ff);
  const auto n = static_cast<double>(options.n_token);
  const auto v = static_cast<double>(options.n_validation);
  // Each offer looks at the validation tokens; with the activations at hand that is one product.
  if (method == HealMethod::kRidge)
    return 2.0 * (2.0 * n * (2.0 * d * f + f * f) + 2.0 * d * f * f + 6.0 * d * f * f) +
           2.0 * 2.0 * n * d * f + 16.0 * 2.0 * v * d * f;
  return options.n_step * 2048.0 * 9.0 * 2.0 * d * f + 3.0 * 3.0 * 2.0 * v * d * f;
}

int run(const Options& options) {
  Rng rng(1);
  const auto block = random_block(options, rng);
  const double per_flop = seconds_of_products(options, rng);
  const auto machine = machine_facts();
  nlohmann::ordered_json document = {{"schema", "coe.heal-bench/1"},
                                     {"date", machine.date},
                                     {"cpu", machine.cpu},
                                     {"n_core", machine.n_core},
                                     {"n_token", options.n_token},
                                     {"gflops", 1e-9 / per_flop},
                                     {"fits", nlohmann::ordered_json::array()}};
  fmt::print("{}, {} cores\n{} tokens, D = {}, F = {}; products: {:.0f} GFLOP/s\n", machine.cpu,
             machine.n_core, options.n_token, options.n_embd, options.n_ff, 1e-9 / per_flop);
  for (const auto method : {HealMethod::kGain, HealMethod::kRidge, HealMethod::kAdam}) {
    GainSums gain;
    const bool keep_act = method == HealMethod::kRidge;
    const auto fit = random_tokens(block, options.n_token, keep_act, &gain, rng);
    const auto validation = random_tokens(block, options.n_validation, keep_act, nullptr, rng);
    LayerFitOptions fit_options;
    fit_options.method = method;
    fit_options.n_step = options.n_step;
    fit_options.round = [](Matrix&) {};
    const auto start = std::chrono::steady_clock::now();
    const auto fitted =
        fit_layer(block, fit, validation, gain.gain(), fit_options, silent_observer());
    const double seconds = seconds_since(start);
    if (!fitted) {
      fmt::print(stderr, "heal_bench: {}\n", fitted.error().message);
      return 1;
    }
    const double limit = method == HealMethod::kGain ? 0.0 : flops_of(method, options) * per_flop;
    fmt::print("{:<6} {:8.2f} s  products {:8.2f} s  kept {}, {:.3f} left\n",
               heal_method_name(method), seconds, limit, fitted->kept, fitted->after);
    document["fits"].push_back({{"method", heal_method_name(method)},
                                {"wall_s", seconds},
                                {"products_s", limit},
                                {"kept", fitted->kept},
                                {"after", fitted->after}});
  }
  if (options.json.empty()) return 0;
  const auto written = write_file(options.json, document.dump(1) + "\n", Overwrite::kAllow);
  if (!written) fmt::print(stderr, "heal_bench: {}\n", written.error().message);
  return written ? 0 : 1;
}

int run_cli(int argc, char** argv) {
  Options options;
  CLI::App app{"Times the fit of one layer of coe heal"};
  app.add_option("--embd", options.n_embd, "D")->capture_default_str();
  app.add_option("--ff", options.n_ff, "F")->capture_default_str();
  app.add_option("--tokens", options.n_token, "To fit on")->capture_default_str();
  app.add_option("--validation-tokens", options.n_validation)->capture_default_str();
  app.add_option("--steps", options.n_step, "Of adam")->capture_default_str();
  app.add_option("--json", options.json, "File for the figures");
  CLI11_PARSE(app, argc, argv);
  return run(options);
}

}  // namespace
}  // namespace coe::bench

int main(int argc, char** argv) {
  try {
    return coe::bench::run_cli(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: internal: %s\n", e.what());
    return 70;
  }
}
