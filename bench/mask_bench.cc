// mask_bench: how long a mask with all passes takes, from profiles in memory. Eight random ones:
// two of the domain (blended, two sub-domains each), whitelist, CoT at two temperatures, two with
// closing windows, one protected.
#include "coe/base/file.h"
#include "coe/base/machine.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/base/stats/summary.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/model/moe/ids.h"
#include "coe/profile/routing/stats.h"

#include "timing.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Shape {
  std::uint32_t n_layer = 0;
  std::uint32_t n_expert = 0;
  std::uint32_t n_expert_used = 8;
  double limit_ms = 0.0;
};

constexpr std::int64_t kTokens = 20'000;

// A domain whose counts add up as a profile's must: each layer has favourites of its own, with odds
// of 1/(1 + place/8).
DomainStats random_domain(std::string name, const ExpertGrid& shape, Rng& rng) {
  auto domain = DomainStats::zero(std::move(name), 1.0, shape, true);
  domain.n_token = kTokens;
  domain.n_sample = 100;
  std::vector<std::uint32_t> order(shape.n_expert);
  for (std::size_t l = 0; l < shape.n_layer(); ++l) {
    for (std::uint32_t e = 0; e < shape.n_expert; ++e) order[e] = e;
    rng.shuffle(std::span(order));
    for (std::uint32_t k = 0; k < shape.n_expert_used; ++k) {
      std::int64_t left = kTokens;
      for (std::uint32_t place = 0; place < shape.n_expert && left > 0; ++place) {
        const double odds = rng.uniform() * 8.0 / (8.0 + place + 2.0 * k);
        const bool last = place + 1 == shape.n_expert;
        const auto n =
            last ? left : static_cast<std::int64_t>(odds / 8 * static_cast<double>(left));
        left -= n;
        const std::size_t flat = l * shape.n_expert + order[place];
        const std::size_t at = shape.at(l, order[place], k);
        const double weight = rng.uniform() * static_cast<double>(n);
        domain.histograms[at] = n;
        domain.weight_sum[at] = weight;
        domain.output_norm[flat] += weight;
        domain.gated_norm[flat] += weight;
        domain.output_share[flat] += weight;
      }
    }
  }
  return domain;
}

RoutingStats random_profile(const std::vector<std::string>& domains, const Shape& shape,
                            std::uint64_t seed) {
  RoutingStats stats;
  stats.parent = {"random", "none", "none"};
  for (std::uint32_t l = 0; l < shape.n_layer; ++l) stats.shape.layers.push_back(LayerId{l});
  stats.shape.n_expert = shape.n_expert;
  stats.shape.n_expert_used = shape.n_expert_used;
  Rng rng(seed);
  for (const auto& name : domains) stats.domains.push_back(random_domain(name, stats.shape, rng));
  return stats;
}

std::vector<RoutingStats> random_profiles(const Shape& shape) {
  std::vector<RoutingStats> profiles;
  std::uint64_t seed = 1;
  for (const auto& domains : std::vector<std::vector<std::string>>{{"css", "js"},
                                                                   {"html", "ts"},
                                                                   {"tests"},
                                                                   {"think"},
                                                                   {"think"},
                                                                   {"a/answer", "a/closing"},
                                                                   {"b/answer", "b/closing"},
                                                                   {"safety"}})
    profiles.push_back(random_profile(domains, shape, seed++));
  profiles[4].router_temperature = 0.6;
  return profiles;
}

MaskRecipe all_passes(const Shape& shape, const std::vector<std::string>& digests) {
  MaskRecipe recipe;
  recipe.n_keep = shape.n_expert / 2;
  recipe.profiles = {{digests[0], 0.7}, {digests[1], 0.3}};
  StructuralPass structural;
  for (std::uint32_t l = 0; l < shape.n_layer; ++l)
    structural.experts.push_back({LayerId{l}, ExpertId{l % shape.n_expert}});
  recipe.passes = {WhitelistPass{{}, {digests[2]}},
                   CotPass{{{6, 0}, digests[3], {}, Score::kUtil, digests[4]}},
                   ClosurePass{{}, digests[5], digests[6]}, structural,
                   ProtectPass{{{3, 0}, digests[7], {}, Score::kUtil, {}}}};
  return recipe;
}

// From statistics in memory to the text of the mask; digests of all profiles included.
Result<std::string> build(const std::vector<RoutingStats>& stats, const Shape& shape) {
  ProfileSet profiles;
  std::vector<std::string> digests;
  digests.reserve(stats.size());
  for (const auto& item : stats) digests.push_back(profiles.add("profile", item));
  COE_TRY(const auto built, build_mask(profiles, all_passes(shape, digests)));
  return mask_to_json(built.mask, false);
}

Result<Json> measure(const Shape& shape, unsigned n_run) {
  const auto stats = random_profiles(shape);
  for (const auto& item : stats) COE_TRY_STATUS(check_invariants(item));
  std::vector<double> times;
  std::size_t n_byte = 0;
  for (unsigned i = 0; i <= n_run; ++i) {
    const auto start = std::chrono::steady_clock::now();
    COE_TRY(const auto text, build(stats, shape));
    if (i > 0) times.push_back(1000 * seconds_since(start));  // the first warms up
    n_byte = text.size();
  }
  const auto [least, most] = std::ranges::minmax(times);
  return Json{{"n_layer", shape.n_layer},
              {"n_expert", shape.n_expert},
              {"n_expert_used", shape.n_expert_used},
              {"mask_bytes", n_byte},
              {"median_ms", median(times)},
              {"min_ms", least},
              {"max_ms", most},
              {"limit_ms", shape.limit_ms}};
}

int run_cli(int argc, char** argv) {
  CLI::App app("Times the building of masks with all passes, from random profiles in memory.");
  unsigned n_run = 20;
  Path json;
  std::string note;
  app.add_option("--runs", n_run, "Runs that count")
      ->check(CLI::Range(1U, 10000U))
      ->capture_default_str();
  app.add_option("--json", json, "Report to write");
  app.add_option("--note", note, "Goes into the report");
  CLI11_PARSE(app, argc, argv);
  const auto machine = machine_facts();
  Json report = {{"schema", "coe.mask-bench/1"}, {"date", machine.date},     {"note", note},
                 {"cpu", machine.cpu},           {"n_core", machine.n_core}, {"n_run", n_run}};
  bool fast = true;
  for (const Shape& shape : {Shape{30, 128, 8, 10.0}, Shape{61, 512, 8, 100.0}}) {
    const auto row = measure(shape, n_run);
    if (!row) {
      std::fprintf(stderr, "error: %s\n", row.error().message.c_str());
      return 1;
    }
    const double median_ms = row->at("median_ms");
    fast = fast && median_ms <= shape.limit_ms;
    std::fputs(
        fmt::format("L = {}, E = {}: {:.2f} ms ({:.2f} to {:.2f}), to stay below {} ms\n",
                    shape.n_layer, shape.n_expert, median_ms, row->at("min_ms").get<double>(),
                    row->at("max_ms").get<double>(), shape.limit_ms)
            .c_str(),
        stdout);
    report["shapes"].push_back(*row);
  }
  if (!json.empty()) {
    if (const auto written = write_file(json, report.dump(2) + "\n", Overwrite::kAllow); !written) {
      std::fprintf(stderr, "error: %s\n", written.error().message.c_str());
      return 1;
    }
  }
  return fast ? 0 : 1;
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
