// profile_bench: what `coe profile` costs beside the engine's own prefill of the same text, in
// alternating runs of one process; and the memory of each, in processes of their own.
#include "coe/base/file.h"
#include "coe/base/machine.h"
#include "coe/base/observer.h"
#include "coe/base/process/measured_run.h"
#include "coe/base/result.h"
#include "coe/base/stats/summary.h"
#include "coe/base/text.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/intake/take_text.h"
#include "coe/corpus/window.h"
#include "coe/engine/engine.h"
#include "coe/engine/llama/llama_engine.h"
#include "coe/engine/llama/wait_policy.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"
#include "coe/profile/profile.h"

#include "plain_prefill.h"
#include "timing.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace coe::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  EngineOptions engine;
  std::vector<Path> files;
  Path imatrix;
  Path json;
  std::string note;
  std::string only;
  std::size_t n_record = 0;
  std::uint32_t max_tokens = 1024;
  unsigned n_run = 5;
  std::size_t n_slice = 8;
  std::uint32_t n_engine = 0;
  bool memory = false;
};

enum class Step { kPlain, kPlainPacked, kRouting, kOutputs };
constexpr std::array kSteps = {Step::kPlain, Step::kPlainPacked, Step::kRouting, Step::kOutputs};

std::string_view step_name(Step step) {
  switch (step) {
    case Step::kPlain:
      return "prefill";
    case Step::kPlainPacked:
      return "prefill_packed";
    case Step::kRouting:
      return "profile_routing";
    case Step::kOutputs:
      return "profile_outputs";
  }
  return "unknown";
}

bool is_plain(Step step) { return step == Step::kPlain || step == Step::kPlainPacked; }

class Bench {
 public:
  explicit Bench(Options options) : options_(std::move(options)) {}

  Status open() {
    COE_TRY(const auto file, gguf::GgufFile::open(options_.engine.model));
    COE_TRY(model_, describe_moe(file));
    COE_TRY(auto taken, take_text(options_.files, {}, silent_observer()));
    corpus_ = std::move(taken.corpus);
    for (auto& domain : corpus_.domains)
      if (options_.n_record != 0 && domain.records.size() > options_.n_record)
        domain.records.resize(options_.n_record);
    if (!options_.only.empty()) options_.n_slice = 1;
    cut_slices();
    if (wants(Step::kRouting) || wants(Step::kOutputs)) {
      COE_TRY(engine_, open_llama_engine(options_.engine));
    }
    if (wants(Step::kPlain) || wants(Step::kPlainPacked)) {
      COE_TRY_STATUS(tokenize());
      COE_TRY(plain_, open_plain_prefill(options_.engine));
    }
    return {};
  }

  Status run() {
    for (unsigned round = 0; round <= options_.n_run; ++round) {  // the first one warms up
      for (std::size_t s = 0; s < slices_.size(); ++s) {
        auto steps = kSteps;
        std::ranges::rotate(steps, steps.begin() + (round + s) % steps.size());
        for (const Step step : steps) {
          if (!wants(step)) continue;
          const auto start = std::chrono::steady_clock::now();
          COE_TRY(const auto n_token, perform(step, slices_[s]));
          const double rate = static_cast<double>(n_token) / seconds_since(start);
          if (!options_.only.empty()) return {};  // memory: one run says it all
          if (round > 0) rates_[step].push_back(rate);
        }
      }
      if (round > 0 && options_.only.empty())
        fmt::print(stderr, "round {} of {}\n", round, options_.n_run);
    }
    return {};
  }

  // Peak memory of each step, each in a process of its own.
  Status measure_memory(const std::vector<std::string>& command) {
    for (const Step step : kSteps) {
      auto child = command;
      child.insert(child.end(), {"--only", std::string(step_name(step))});
      COE_TRY(const auto run, run_measured(child));
      if (run.exit_code != 0)
        return fail(Code::kCheckFailed,
                    fmt::format("{}: exit code {}", step_name(step), run.exit_code));
      memory_[step] = run;
    }
    return {};
  }

  Status measure_imatrix() {
    if (options_.imatrix.empty()) return {};
    // llama-imatrix reads one plain text and cuts it into chunks of the context.
    const Path text =
        std::filesystem::temp_directory_path() / fmt::format("imatrix-{}.txt", ::getpid());
    const Path out = text.string() + ".gguf";
    std::string all;
    for (const auto& domain : corpus_.domains)
      for (const auto& record : domain.records) all += record.text + "\n";
    COE_TRY_STATUS(write_file(text, all, Overwrite::kAllow));
    COE_TRY(const auto tokens, engine_->tokenize(all));
    const std::size_t chunk = std::min<std::size_t>(options_.max_tokens, engine_->info().n_ctx);
    for (unsigned i = 0; i < options_.n_run; ++i) {
      COE_TRY(
          const auto run,
          run_measured({options_.imatrix.string(), "-m", options_.engine.model.string(), "-f",
                        text.string(), "-o", out.string(), "--no-ppl", "-c",
                        fmt::format("{}", chunk), "-b", fmt::format("{}", options_.engine.n_batch),
                        "-ub", fmt::format("{}", options_.engine.n_batch), "-ngl",
                        fmt::format("{}", options_.engine.n_gpu_layers)}));
      if (run.exit_code != 0) return fail(Code::kCheckFailed, "llama-imatrix failed");
      imatrix_.push_back(static_cast<double>(tokens.size() - tokens.size() % chunk) / run.seconds);
      fmt::print(stderr, "{} imatrix (with loading): {:.1f} tokens/s\n", i + 1, imatrix_.back());
    }
    std::filesystem::remove(text);
    std::filesystem::remove(out);
    return {};
  }

  void report() const {
    fmt::print("{:<18}{:>12}{:>14}{:>18}{:>14}\n", "step", "tokens/s", "/ prefill", "quartiles",
               "/ packed");
    for (const auto& [step, rates] : rates_) {
      const auto to_plain = ratios(step, Step::kPlain);
      fmt::print("{:<18}{:>12.1f}{:>14.3f}{:>18}{:>14.3f}\n", step_name(step), median(rates),
                 median(to_plain),
                 fmt::format("{:.3f}-{:.3f}", quantile(to_plain, 0.25), quantile(to_plain, 0.75)),
                 median(ratios(step, Step::kPlainPacked)));
    }
    if (!imatrix_.empty())
      fmt::print("{:<18}{:>12.1f}{:>14.3f}\n", "llama-imatrix", median(imatrix_),
                 median(imatrix_) / median(rates_.at(Step::kPlain)));
    for (const auto& [step, run] : memory_)
      fmt::print("{:<18}peak {} ({} allocated)\n", step_name(step), human_bytes(run.max_rss_bytes),
                 human_bytes(run.max_anon_bytes));
  }

  Json document() const {
    const auto facts = machine_facts();
    Json doc = {{"schema", "coe.bench.profile/1"}, {"version", tool_version()}};
    if (!options_.note.empty()) doc["note"] = options_.note;
    doc["machine"] = {{"cpu", facts.cpu}, {"n_core", facts.n_core}, {"date", facts.date}};
    doc["model"] = model_.id.name;
    doc["engine"] = engine_->info().engine;
    doc["n_batch"] = options_.engine.n_batch;
    doc["max_tokens"] = options_.max_tokens;
    doc["n_context"] = options_.n_engine;
    for (const auto& [step, rates] : rates_) doc["tokens_per_s"][step_name(step)] = rates;
    if (!imatrix_.empty()) doc["tokens_per_s"]["llama_imatrix_with_loading"] = imatrix_;
    for (const auto& [step, rates] : rates_) {
      const auto to_plain = ratios(step, Step::kPlain);
      doc["ratio_to_prefill"][step_name(step)] = {{"median", median(to_plain)},
                                                  {"quartile_1", quantile(to_plain, 0.25)},
                                                  {"quartile_3", quantile(to_plain, 0.75)}};
    }
    for (const auto& [step, run] : memory_)
      doc["peak_rss_bytes"][step_name(step)] = {{"total", run.max_rss_bytes},
                                                {"allocated", run.max_anon_bytes}};
    return doc;
  }

 private:
  bool wants(Step step) const { return options_.only.empty() || options_.only == step_name(step); }

  // A part of the text, over which steps take turns.
  struct Slice {
    Corpus corpus;
    std::vector<std::vector<std::int32_t>> windows;
  };

  // Every n-th record.
  void cut_slices() {
    std::size_t n_record = 0;
    for (const auto& domain : corpus_.domains) n_record += domain.records.size();
    slices_.resize(std::clamp<std::size_t>(options_.n_slice, 1, n_record));
    for (auto& slice : slices_) slice.corpus.digest = corpus_.digest;
    std::size_t at = 0;
    for (const auto& domain : corpus_.domains)
      for (const auto& record : domain.records) {
        auto& domains = slices_[at++ % slices_.size()].corpus.domains;
        if (domains.empty() || domains.back().name != domain.name)
          domains.push_back({domain.name, domain.weight, {}});
        domains.back().records.push_back(record);
      }
  }

  // Returns the ratios of two steps that followed each other on the same slice: what slows the
  // machine down for a while hits both.
  std::vector<double> ratios(Step step, Step to) const {
    std::vector<double> out;
    const auto& above = rates_.at(step);
    out.reserve(above.size());
    const auto& below = rates_.at(to);
    for (std::size_t i = 0; i < above.size(); ++i) out.push_back(above[i] / below[i]);
    return out;
  }

  static double quantile(std::vector<double> values, double q) {
    std::ranges::sort(values);
    return values[static_cast<std::size_t>(
        std::lround(q * static_cast<double>(values.size() - 1)))];
  }

  Status tokenize() {
    // Its own engine when only the plain prefill is wanted: it must not count in the memory, but a
    // vocabulary is needed to have tokens.
    auto tokenizer = std::move(engine_);
    if (!tokenizer) {
      COE_TRY(tokenizer, open_llama_engine(options_.engine));
    }
    for (auto& slice : slices_)
      for (const auto& domain : slice.corpus.domains)
        for (const auto& record : domain.records) {
          COE_TRY(const auto tokens, tokenizer->tokenize(record.text));
          for (auto& window :
               split_windows(tokens, std::min(options_.max_tokens, tokenizer->info().n_ctx),
                             tokenizer->info().bos_token))
            slice.windows.push_back(std::move(window));
        }
    if (options_.only.empty()) engine_ = std::move(tokenizer);
    return {};
  }

  Result<std::uint64_t> perform(Step step, const Slice& slice) {
    if (is_plain(step)) {
      COE_TRY_STATUS(plain_->run(slice.windows, step == Step::kPlainPacked));
      std::uint64_t n_token = 0;
      for (const auto& window : slice.windows) n_token += window.size();
      return n_token;
    }
    ProfileOptions profile;
    profile.max_tokens = options_.max_tokens;
    profile.n_engine = options_.n_engine;
    profile.outputs = step == Step::kOutputs;
    Observer observer;
    COE_TRY(const auto stats, run_profile(*engine_, model_, slice.corpus, profile, observer));
    return static_cast<std::uint64_t>(stats.n_token());
  }

  Options options_;
  MoeModel model_;
  Corpus corpus_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<PlainPrefill> plain_;
  std::vector<Slice> slices_;
  std::map<Step, std::vector<double>> rates_;
  std::map<Step, MeasuredRun> memory_;
  std::vector<double> imatrix_;
};

Status run_bench(const Options& options, const std::vector<std::string>& command) {
  Bench bench(options);
  COE_TRY_STATUS(bench.open());
  COE_TRY_STATUS(bench.run());
  if (!options.only.empty()) return {};
  COE_TRY_STATUS(bench.measure_imatrix());
  if (options.memory) COE_TRY_STATUS(bench.measure_memory(command));
  bench.report();
  if (options.json.empty()) return {};
  return write_file(options.json, bench.document().dump(2) + "\n", Overwrite::kAllow);
}

int run_cli(int argc, char** argv) {
  CLI::App app("Time `coe profile` against the engine's own prefill of the same text.",
               "profile_bench");
  Options options;
  options.engine.n_ctx = 2048;
  app.add_option("-m,--model", options.engine.model, "Parent GGUF")->required();
  app.add_option("-f,--file", options.files, "JSONL text")->required();
  app.add_option("--records", options.n_record, "Only the first so many of each sub-domain");
  app.add_option("--max-tokens", options.max_tokens, "Window")->capture_default_str();
  app.add_option("-c,--ctx-size", options.engine.n_ctx, "Context")->capture_default_str();
  app.add_option("-b,--batch-size", options.engine.n_batch, "Batch")->capture_default_str();
  app.add_option("-t,--threads", options.engine.n_threads, "CPU threads");
  app.add_option("--ngl,--n-gpu-layers", options.engine.n_gpu_layers, "Layers on the GPU");
  app.add_flag("--flash-attn", options.engine.flash_attn, "Use flash attention");
  app.add_option("--contexts", options.n_engine, "Contexts that take turns (0: as coe does)");
  app.add_option("-n,--runs", options.n_run, "Rounds after the first")->capture_default_str();
  app.add_option("--imatrix", options.imatrix, "llama-imatrix, to be timed on the same text");
  app.add_option("--slices", options.n_slice, "Parts of the text over which steps take turns")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--memory", options.memory, "Measure each step's peak memory, too");
  app.add_option("--only", options.only, "One step once (what --memory starts)");
  app.add_option("--note", options.note, "Text for the report, e.g. the commit");
  app.add_option("--json", options.json, "Write every run here");
  CLI11_PARSE(app, argc, argv);
  const auto status = run_bench(options, std::vector<std::string>(argv, argv + argc));
  if (status) return 0;
  fmt::print(stderr, "error: {}\n", status.error().message);
  return 1;
}

}  // namespace
}  // namespace coe::bench

int main(int argc, char** argv) {
  coe::wait_briefly(argv);
  try {
    return coe::bench::run_cli(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: internal: %s\n", e.what());
    return 70;
  }
}
