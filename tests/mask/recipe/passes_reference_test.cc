// Masks of all passes against tests/reference/reference.py, which shares no code with coe: swap by
// swap, on random profiles, with and without expert groups. The same on the bundled model's real
// profiles: tests/cli/cli_engine_test.cc.

#include "coe/base/file.h"
#include "coe/base/rng.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/profile/routing/file.h"
#include "coe/profile/routing/stats.h"

#include "support/command.h"
#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_stats.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_ok;
using ::coe::testing::random_stats;
using ::coe::testing::run_command;
using ::coe::testing::shape_of;
using ::coe::testing::TempDir;
using ::coe::testing::value_of;
using Json = nlohmann::json;

constexpr std::uint32_t kKeep = 12;

class PassesReference : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override {
    if (run_command(dir_.path(), "command -v python3").exit_code != 0)
      GTEST_SKIP() << "python3 is not installed";
    add("domain", {{"css", 0.2}, {"js", 0.8}}, 1);
    add("cot", {{"think", 1.0}}, 2);
    add("cold", {{"think", 1.0}}, 3, 0.6);
    add("one", {{"a/closing", 1.0}, {"a/thinking", 1.0}}, 4);
    add("two", {{"b/answer", 1.0}, {"b/closing", 1.0}}, 5);
    add("safety", {{"s", 1.0}}, 6);
    add("vision", {{"v", 1.0}}, 7);
  }

  void add(const std::string& name, const std::vector<std::pair<std::string, double>>& domains,
           std::uint64_t seed, double temperature = 1.0) {
    // Seven profiles to a parameter, none of them twice.
    auto stats = random_stats(shape_of(6, 24, 4), domains, seed + 7 * GetParam());
    // The cold profile keeps the likeness of its companion, else every swap would drop out.
    coe::testing::shuffle_experts(stats, (name == "cold" ? 2 : seed) + 7 * GetParam());
    stats.shape.n_expert_group = GetParam() % 3 + 1;
    stats.corpus_digest = "xxh3:" + name;
    stats.router_temperature = temperature;
    const auto path = dir_ / (name + ".gguf");
    expect_ok(write_profile(path, stats, Overwrite::kAllow));
    stats_[name] = value_of(read_profile(path));
    digests_[name] = profiles_.add(path.string(), stats_[name]);
  }

  MaskRecipe recipe() {
    MaskRecipe recipe;
    recipe.n_keep = kKeep;
    recipe.score.score = Score::kShare;
    recipe.profiles = {{digests_["domain"], 0.0}};
    recipe.passes = {
        WhitelistPass{{}, {digests_["cot"], digests_["safety"]}},
        CotPass{{{3, 1}, digests_["cot"], {}, Score::kShare, digests_["cold"]}},
        ClosurePass{{2, 0.8}, digests_["one"], digests_["two"]},
        StructuralPass{
            1, {{LayerId{3}, ExpertId{23}}, {LayerId{3}, ExpertId{1}}, {LayerId{0}, ExpertId{9}}}},
        ProtectPass{{{2, 0}, digests_["safety"], {}, Score::kShare, {}}},
        ProtectPass{{{1, 0}, digests_["vision"], {}, Score::kShare, {}}}};
    return recipe;
  }

  TempDir dir_;
  std::map<std::string, RoutingStats> stats_;
  std::map<std::string, std::string> digests_;
  ProfileSet profiles_;
};

TEST_P(PassesReference, AgreesSwapBySwap) {
  const auto built = value_of(build_mask(profiles_, recipe()));
  expect_ok(write_file(dir_ / "m.json", mask_to_json(built.mask, false), Overwrite::kAllow));
  expect_ok(write_file(dir_ / "list.json", "[[3, 23], [3, 1], [0, 9]]", Overwrite::kAllow));
  std::vector<std::pair<std::string, std::string>> protect = {
      {digests_["safety"], "safety.gguf:2"}, {digests_["vision"], "vision.gguf:1"}};
  std::ranges::sort(protect);
  const auto result = run_command(
      dir_.path(),
      fmt::format("python3 {}/tests/reference/reference.py domain.gguf -k {} --score share "
                  "--whitelist cot.gguf safety.gguf --cot cot.gguf --cot-cap 3 --cot-skip 1 "
                  "--cot-t06 cold.gguf --closure one.gguf two.gguf --closure-cap 2 "
                  "--closure-lift 0.8 --structural list.json --structural-cap 1 "
                  "--protect {} {} --compare m.json --swaps-out s.json",
                  COE_SOURCE_DIR, kKeep, protect[0].second, protect[1].second));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  // By layer there, by pass here.
  const auto expected = Json::parse(value_of(read_text(dir_ / "s.json")));
  std::vector<Json> swaps;
  for (const auto& pass : built.passes)
    for (const auto& swap : pass.log.swaps)
      swaps.push_back({pass_name(pass.pass), swap.layer.value, swap.in.value, swap.out.value});
  std::ranges::stable_sort(swaps, {}, [](const Json& swap) { return swap[1].get<int>(); });
  EXPECT_EQ(Json(swaps), expected);
}

// Agreement on nothing would prove nothing.
TEST_P(PassesReference, EveryPassDoesSomething) {
  std::size_t n = 0;
  for (const auto& pass : value_of(build_mask(profiles_, recipe())).passes)
    n += pass.log.swaps.empty() ? 0 : 1;
  EXPECT_GE(n, 5U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PassesReference, ::testing::Range(0U, 12U));

// Passes 1 to 3 under each aggregate, on profiles of random shapes: sub-domains with and without
// weights, chats with roles, several samples of different lengths.
class AggregatesReference : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override {
    if (run_command(dir_.path(), "command -v python3").exit_code != 0)
      GTEST_SKIP() << "python3 is not installed";
  }

  std::vector<std::pair<std::string, double>> domains(bool weighted, bool roles) {
    std::vector<std::pair<std::string, double>> out;
    const auto n = static_cast<std::uint64_t>(rng_.between(1, 4));
    for (std::uint64_t d = 0; d < n; ++d) {
      const double weight = weighted ? 0.05 + rng_.uniform() : 1.0;
      const auto name = fmt::format("d{}", d);
      if (roles && d % 2 == 0) {
        out.emplace_back(name + "/answer", weight);
        out.emplace_back(name + "/prompt", weight);
      } else {
        out.emplace_back(name, weight);
      }
    }
    return out;
  }

  std::string add(const std::string& name, RoutingStats stats) {
    const auto path = dir_ / (name + ".gguf");
    stats.corpus_digest = "xxh3:" + name;
    expect_ok(write_profile(path, stats, Overwrite::kAllow));
    stats_.push_back(value_of(read_profile(path)));
    return profiles_.add(path.string(), stats_.back());
  }

  // One profile set and recipe; returns what reference.py is to be told.
  std::string make_case(std::uint64_t seed, MaskRecipe& recipe) {
    rng_ = Rng(seed);
    profiles_ = {};
    stats_.clear();
    const auto n_used = static_cast<std::uint32_t>(rng_.between(2, 5));
    const auto n_expert = static_cast<std::uint32_t>(rng_.between(12, 28));
    const auto shape = shape_of(static_cast<std::uint32_t>(rng_.between(1, 6)), n_expert, n_used);
    const auto random = [&](bool weighted, bool roles) {
      auto stats = random_stats(shape, domains(weighted, roles), rng_.next());
      coe::testing::shuffle_experts(stats, rng_.next());
      return stats;
    };
    recipe.n_keep = static_cast<std::uint32_t>(rng_.between(n_used + 4, n_expert - 1));
    recipe.score.score = rng_.between(0, 1) == 0 ? Score::kUtil : Score::kFreq;
    constexpr std::array kBlends = {Blend::kToken, Blend::kSample, Blend::kSubdomain};
    recipe.score.blend = kBlends[seed % kBlends.size()];
    recipe.profiles = {{add("domain", random(true, rng_.between(0, 1) == 0)), 0.0}};
    auto cot = random(rng_.between(0, 1) == 0, rng_.between(0, 1) == 0);
    CotPass pass{{{static_cast<std::uint32_t>(rng_.between(0, 6)),
                   static_cast<std::uint32_t>(rng_.between(0, 3))},
                  add("cot", cot),
                  {},
                  recipe.score.score,
                  {}}};
    auto text = fmt::format(
        "domain.gguf -k {} --score {} --aggregate {} --whitelist domain.gguf "
        "cot.gguf --cot cot.gguf --cot-cap {} --cot-skip {}",
        recipe.n_keep, score_name(recipe.score.score), blend_name(recipe.score.blend),
        pass.rule.cap, pass.rule.skip);
    if (rng_.between(0, 2) == 0) {
      for (auto& domain : cot.domains)
        for (double& sum : domain.weight_sum) sum *= 0.5 + rng_.uniform();
      cot.router_temperature = 0.6;
      pass.t06 = add("cold", cot);
      text += " --cot-t06 cold.gguf";
    }
    recipe.passes = {WhitelistPass{{}, {recipe.profiles[0].digest, pass.profile}}, pass};
    return text;
  }

  TempDir dir_;
  Rng rng_{0};
  std::deque<RoutingStats> stats_;
  ProfileSet profiles_;
};

TEST_P(AggregatesReference, AgreesInEverySlot) {
  std::size_t n_swap = 0;
  for (std::uint64_t seed = 20 * GetParam(); seed < 20 * GetParam() + 20; ++seed) {
    MaskRecipe recipe;
    const auto text = make_case(seed, recipe);
    const auto built = value_of(build_mask(profiles_, recipe));
    expect_ok(write_file(dir_ / "m.json", mask_to_json(built.mask, false), Overwrite::kAllow));
    const auto result = run_command(
        dir_.path(),
        fmt::format("python3 {}/tests/reference/reference.py {} --compare m.json --swaps-out "
                    "s.json",
                    COE_SOURCE_DIR, text));
    ASSERT_EQ(result.exit_code, 0) << seed << ": " << text << "\n" << result.err;
    std::size_t n_here = 0;
    for (const auto& pass : built.passes) n_here += pass.log.swaps.size();
    EXPECT_EQ(Json::parse(value_of(read_text(dir_ / "s.json"))).size(), n_here) << seed;
    n_swap += n_here;
  }
  EXPECT_GT(n_swap, 20U);  // agreement on nothing would prove nothing
}

INSTANTIATE_TEST_SUITE_P(Seeds, AggregatesReference, ::testing::Range<std::uint64_t>(0, 10));

}  // namespace
}  // namespace coe
