// A report's document: what is found beside a run, what is made of it, and what is refused.
#include "coe/college/report/report.h"

#include "coe/base/json.h"
#include "coe/child/heal/heal.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/college/report/page.h"
#include "coe/college/report/run_facts.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/model/moe/open_model.h"
#include "coe/profile/routing/file.h"
#include "coe/specialize/heal_summary.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"
#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using ::testing::HasSubstr;
using testing::value_of;
using Json = nlohmann::ordered_json;

class Heard : public Observer {
 public:
  void warning(std::string_view words) override { all += std::string(words) + "\n"; }
  std::string all;
};

class ReportTest : public ::testing::Test {
 protected:
  Result<Json> report(std::vector<Path> inputs, std::vector<Path> profiles = {}, Path parent = {}) {
    ReportOptions options;
    options.inputs = std::move(inputs);
    options.profiles = std::move(profiles);
    options.parent = std::move(parent);
    options.memory = false;
    return make_report(options, library_, heard_);
  }
  void put(const std::string& name, const std::string& text) const {
    expect_ok(write_file(dir_ / name, text, Overwrite::kAllow));
  }
  // web.profile.gguf and web.mask.json, of the worked profile.
  void put_worked() const {
    const auto stats = testing::worked_stats();
    expect_ok(write_profile(dir_ / "web.profile.gguf", stats, Overwrite::kAllow));
    put("web.mask.json", mask_to_json(mask_of(stats), false));
  }
  // parent.gguf, and web.gguf with the first half of its experts.
  void put_specialist(const SurgeryOptions& surgery = {}) const {
    testing::write_tiny(dir_ / "parent.gguf", testing::tiny_moe({.architecture = "qwen3moe"}));
    const auto parent = value_of(open_model(dir_ / "parent.gguf", silent_observer()));
    std::map<LayerId, std::vector<ExpertId>> layers;
    for (const auto& layer : parent.moe.layers)
      for (std::uint32_t id = 0; id < parent.moe.n_expert / 2; ++id)
        layers[layer.id].push_back(ExpertId{id});
    auto mask = value_of(KeepMask::create(parent.moe.n_expert, layers));
    mask.parent = parent.moe.id;
    const auto plan = value_of(plan_surgery(parent.file, parent.moe, mask, surgery));
    expect_ok(
        apply_plan(parent.file, plan, dir_ / "web.gguf", Overwrite::kRefuse, silent_observer()));
  }
  static KeepMask mask_of(const RoutingStats& stats, Score score = Score::kUtil) {
    MaskRecipe recipe;
    recipe.n_keep = 2;
    recipe.score.score = score;
    return value_of(build_mask(stats, recipe)).mask;
  }

  testing::TempDir dir_;
  testing::FakeLibrary library_{[](const EngineOptions&) -> Result<std::unique_ptr<Engine>> {
    return fail(Code::kEngine, "no model here");
  }};
  Heard heard_;
};

// Of the worked profile six tokens count alike. Layer 0 gives expert 0 a weight of 2 + .5, experts
// 1 and 2 1.125 each, expert 3 1.25; layer 1 does the same in reverse.
TEST_F(ReportTest, SaysWhatTheProfileSays) {
  put_worked();
  const auto document = value_of(report({dir_ / "web.mask.json"}));
  const auto& run = document.at("runs").at(0);
  EXPECT_EQ(run.at("name"), "web");
  EXPECT_EQ(run.at("n_expert"), 4);
  EXPECT_EQ(run.at("n_keep"), 2);
  EXPECT_EQ(run.at("kept"), Json({"+--+", "+--+"}));
  const auto& profile = run.at("profile");
  EXPECT_EQ(profile.at("n_token"), 6);
  EXPECT_EQ(profile.at("n_sample"), 3);
  EXPECT_EQ(profile.at("scores"),
            Json({{.4167, .1875, .1875, .2083}, {.2083, .1875, .1875, .4167}}));
  EXPECT_EQ(profile.at("ranks").at(0), Json({2, 2, 1, 2, 1, 2, 2, 0}));
  EXPECT_EQ(profile.at("rank_tokens"), 6);
  EXPECT_EQ(profile.at("covered"), Json({.625, .625}));
  // The best two are all that a mask of this model may have below all four, but three.
  EXPECT_EQ(profile.at("coverage").at("n_keeps"), Json({1, 2, 3, 4}));
  EXPECT_EQ(profile.at("coverage").at("layers").at(0), Json({.4167, .625, .8125, 1.0}));
  // css alone would keep 0 and 1, js 3 and 0: one of three.
  EXPECT_EQ(profile.at("overlap").at("jaccard"), Json({{1.0, .3333}, {.3333, 1.0}}));
  EXPECT_EQ(profile.at("by_domain").at("names"), Json({"css", "js"}));
  EXPECT_EQ(profile.at("by_domain").at("scores").at(1).at(0), Json({.25, 0.0, .125, .625}));
  EXPECT_TRUE(run.at("evaluation").is_null());
  EXPECT_THAT(run.at("missing").dump(), HasSubstr("the specialist's file"));
  EXPECT_EQ(heard_.all, "");
}

TEST_F(ReportTest, ShowsAProfileAlone) {
  put_worked();
  const auto document = value_of(report({dir_ / "web.profile.gguf"}));
  const auto& run = document.at("runs").at(0);
  EXPECT_TRUE(run.at("kept").is_null());
  EXPECT_TRUE(run.at("n_keep").is_null());
  EXPECT_FALSE(run.at("profile").contains("covered"));
  EXPECT_EQ(run.at("profile").at("scores").at(0).at(0), .4167);
}

// A mask by chance has no scores of its own: the picture shows what the experts are worth.
TEST_F(ReportTest, ScoresOfARandomMaskAreOfTheText) {
  put_worked();
  put("web.mask.json", mask_to_json(mask_of(testing::worked_stats(), Score::kRandom), false));
  const auto document = value_of(report({dir_ / "web.mask.json"}));
  EXPECT_EQ(document.at("runs").at(0).at("profile").at("score"), "util");
  EXPECT_EQ(document.at("runs").at(0).at("profile").at("scores").at(0).at(0), .4167);
}

TEST_F(ReportTest, ComparesRunsAndTakesAMaskTwiceAsOne) {
  put_worked();
  put("freq.mask.json", mask_to_json(mask_of(testing::worked_stats(), Score::kFreq), false));
  const auto document = value_of(
      report({dir_ / "web.mask.json", dir_ / "freq.mask.json", dir_ / "." / "web.mask.json"},
             {dir_ / "web.profile.gguf"}));
  EXPECT_EQ(document.at("runs").size(), 2);
  const auto& overlap = document.at("overlap");
  EXPECT_EQ(overlap.at("names"), Json({"web", "freq"}));
  // By choices layer 0 has 4, 3, 3 and 2: experts 0 and 1 stay.
  EXPECT_EQ(overlap.at("pairs").at(0).at("jaccard").at(0), .3333);
}

TEST_F(ReportTest, TellsRunsOfOneNameApart) {
  std::filesystem::create_directory(dir_ / "a");
  put_worked();
  put("a/web.mask.json", mask_to_json(mask_of(testing::worked_stats()), false));
  const auto document = value_of(report({dir_ / "web.mask.json", dir_ / "a/web.mask.json"}));
  EXPECT_EQ(document.at("runs").at(0).at("name"), "web");
  EXPECT_EQ(document.at("runs").at(1).at("name"), "web (2)");
}

TEST_F(ReportTest, LeavesOutWhatIsOfSomethingElse) {
  put_worked();
  expect_ok(write_profile(dir_ / "web.profile.gguf",
                          testing::random_stats(testing::shape_of(2, 4, 2), {{"web", 1.0}}, 7),
                          Overwrite::kAllow));
  put("web.choice.json", R"({"schema":"coe.other/1"})");
  const auto document = value_of(report({dir_ / "web.mask.json"}));
  EXPECT_TRUE(document.at("runs").at(0).at("profile").is_null());
  EXPECT_THAT(heard_.all, HasSubstr("web.profile.gguf: left out: the mask web is not made of it"));
  EXPECT_THAT(heard_.all, HasSubstr("web.choice.json: left out: its schema is `coe.other/1`"));
}

TEST_F(ReportTest, AStabilityReportOfOtherTextIsLeftOut) {
  put_worked();
  const std::string points =
      R"("points":[{"n_token":6,"n_sample":3,"jaccard":0.5,"jaccard_lower":null,"entropy":0.75}],"layers":[]})";
  put("web.stability.json",
      R"({"schema":"coe.stability/1","corpus":"xxh3:c0","n_token":6,"n_keep":2,)" + points);
  EXPECT_EQ(value_of(report({dir_ / "web.mask.json"}))
                .at("runs")
                .at(0)
                .at("stability")
                .at("points")
                .at(0)
                .at("jaccard"),
            .5);
  put("web.stability.json",
      R"({"schema":"coe.stability/1","corpus":"xxh3:c0","n_token":7,"n_keep":2,)" + points);
  EXPECT_TRUE(
      value_of(report({dir_ / "web.mask.json"})).at("runs").at(0).at("stability").is_null());
  EXPECT_THAT(heard_.all, HasSubstr("it is of another text"));
}

TEST_F(ReportTest, TakesSweepsAndTransfers) {
  put("sweep.json",
      R"({"schema":"coe.sweep/1","score":"util","advice":{"n_keep":null},"points":[{"n_keep":2,"coverage":0.123456,"unknown":1}]})");
  put("rows.jsonl",
      R"({"schema":"coe.result/1","kind":"bench-transfer","run":{"engine":"e"},"metric":"y","n_keep":2,"subject":"a","domain":"b","value":0.98765,"own":false,"n":3})"
      "\n"
      R"({"schema":"coe.result/1","kind":"bench-transfer","run":{"engine":"e"},"metric":"accuracy","n":3,"value":1})"
      "\n");
  const auto document = value_of(report({dir_ / "sweep.json", dir_.path()}));
  EXPECT_EQ(document.at("sweeps").at(0).at("points").at(0),
            Json({{"n_keep", 2}, {"coverage", .1235}}));
  EXPECT_EQ(document.at("transfers").at(0).at("engine"), "e");
  ASSERT_EQ(document.at("transfers").at(0).at("rows").size(), 1);
  EXPECT_EQ(document.at("transfers").at(0).at("rows").at(0).at("value"), .9877);
}

TEST_F(ReportTest, TakesASpecialistWithItsParent) {
  put_specialist();
  const auto document = value_of(report({dir_ / "web.gguf"}, {}, dir_ / "parent.gguf"));
  const auto& run = document.at("runs").at(0);
  EXPECT_EQ(run.at("child_file").at("bytes"), std::filesystem::file_size(dir_ / "web.gguf"));
  EXPECT_EQ(run.at("parent_file").at("bytes"), std::filesystem::file_size(dir_ / "parent.gguf"));
  EXPECT_LT(run.at("child_file").at("parts").at("experts"),
            run.at("parent_file").at("parts").at("experts"));
  EXPECT_THAT(run.at("use").at("package"), HasSubstr("coe package web.gguf -o web-package -m "));
  testing::write_tiny(dir_ / "other.gguf",
                      testing::tiny_moe({.architecture = "qwen3moe", .name = "other", .seed = 9}));
  expect_error(report({dir_ / "web.gguf"}, {}, dir_ / "other.gguf"), Code::kMismatch, "web.gguf");
  // A model that coe did not cut has no mask to show.
  expect_error(report({dir_ / "parent.gguf"}), Code::kUnsupported, "parent.gguf");
}

TEST_F(ReportTest, SaysWhatHealingGave) {
  Healing healing;
  healing.settings = "method=ridge tokens=100";
  healing.n_fit = 100;
  healing.layers = {{.layer = LayerId{0}, .error = .123456, .after = .5, .kept = "ridge"},
                    {.layer = LayerId{1}, .error = .25, .kept = "nothing"}};
  SurgeryOptions surgery;
  add_healing(healing, "xxh3:7e", surgery);
  put_specialist(surgery);
  const auto healing_of = [&] {
    return value_of(report({dir_ / "web.gguf"})).at("runs").at(0).at("healing");
  };
  // The file alone says how.
  const auto alone = healing_of();
  EXPECT_EQ(alone.at("child_settings"), "method=ridge tokens=100");
  EXPECT_EQ(alone.at("text_digest"), "xxh3:7e");
  EXPECT_EQ(alone.at("layers"), Json::array());
  const auto record = [&](const Healing& of) {
    expect_ok(write_heal_file(dir_ / "web.heal.json", "text=t",
                              summary_of(of, HealMethod::kRidge, "xxh3:7e"), Overwrite::kAllow));
  };
  record(healing);
  const auto whole = healing_of();
  EXPECT_EQ(whole.at("method"), "ridge");
  EXPECT_EQ(whole.at("n_token_fit"), 100);
  EXPECT_EQ(whole.at("layers").at(0).at("error"), .1235);
  EXPECT_EQ(whole.at("layers").at(1).at("kept"), "nothing");
  EXPECT_EQ(heard_.all, "");
  healing.settings = "method=gain tokens=100";
  record(healing);
  EXPECT_EQ(healing_of(), alone);
  EXPECT_THAT(heard_.all, HasSubstr("web.heal.json: left out: the child was not healed so"));
}

TEST_F(ReportTest, AChildThatIsOnlyCutWasNotHealed) {
  put_specialist();
  EXPECT_TRUE(value_of(report({dir_ / "web.gguf"})).at("runs").at(0).at("healing").is_null());
}

TEST_F(ReportTest, SaysThatTheChildUsesFewerExperts) {
  put_specialist({.n_used = 1});
  EXPECT_EQ(value_of(report({dir_ / "web.gguf"})).at("runs").at(0).at("n_used"), 1);
  std::filesystem::remove(dir_ / "web.gguf");
  put_specialist();
  EXPECT_TRUE(value_of(report({dir_ / "web.gguf"})).at("runs").at(0).at("n_used").is_null());
}

TEST_F(ReportTest, RefusesWhatNoReportIsMadeOf) {
  expect_error(report({}), Code::kInvalidArgument, "no run was given");
  expect_error(report({dir_ / "none"}), Code::kNotFound, "none");
  expect_error(report({dir_.path()}), Code::kInvalidArgument, "neither a package nor");
  put("text.txt", "words");
  expect_error(report({dir_ / "text.txt"}), Code::kInvalidArgument, "is no JSON object");
  put("other.json", R"({"schema":"coe.eval/1"})");
  expect_error(report({dir_ / "other.json"}), Code::kInvalidArgument, "`coe.eval/1`");
  put("rows.jsonl", R"({"schema":"coe.result/1","kind":"bench-speed"})"
                    "\n");
  expect_error(report({dir_ / "rows.jsonl"}), Code::kInvalidArgument, "bench-speed");
  put("rows.jsonl", "{}\n");
  expect_error(report({dir_ / "rows.jsonl"}), Code::kInvalidArgument, "line 1 is no result row");
  put("rows.jsonl", "\n");
  expect_error(report({dir_ / "rows.jsonl"}), Code::kInvalidArgument, "has no rows");
  put("plain.json", R"({"0":[0,1],"1":[0,1]})");
  expect_error(report({dir_ / "plain.json"}), Code::kInvalidArgument, "how many experts");
}

TEST_F(ReportTest, AnEarlierPageIsKnown) {
  put("page.html", report_page(Json::object()));
  put("other.html", "<!doctype html>");
  EXPECT_TRUE(is_report(dir_ / "page.html"));
  EXPECT_FALSE(is_report(dir_ / "other.html"));
  EXPECT_FALSE(is_report(dir_ / "none.html"));
}

// 200,000 tokens: expert 0 is chosen first by all but one, expert 1 by that one.
TEST_F(ReportTest, ScalesCountsOfMuchTextButNoneToNothing) {
  auto stats = testing::empty_stats(testing::shape_of(1, 4, 1));
  auto domain = DomainStats::zero("web", 1.0, stats.shape, false);
  domain.n_token = 200'000;
  domain.n_sample = 1;
  domain.histograms = {199'999, 1, 0, 0};
  domain.weight_sum = {199'999.0, 1.0, 0.0, 0.0};
  stats.domains.push_back(domain);
  expect_ok(write_profile(dir_ / "web.profile.gguf", stats, Overwrite::kRefuse));
  const auto document = value_of(report({dir_ / "web.profile.gguf"}));
  const auto& profile = document.at("runs").at(0).at("profile");
  EXPECT_EQ(profile.at("rank_tokens"), 100'000);
  EXPECT_EQ(profile.at("ranks").at(0), Json({100'000, 1, 0, 0}));
}

// The page of the largest models known weighs at most 3 MB, whatever the numbers.
TEST_F(ReportTest, ALargeModelMakesAPageOfThreeMegabytes) {
  auto stats = testing::empty_stats(testing::shape_of(61, 512, 8));
  Rng rng(1);
  for (const auto* name : {"css", "html", "js"}) {
    auto domain = DomainStats::zero(name, 1.0, stats.shape, false);
    domain.n_token = 3'000'000;
    domain.n_sample = 1000;
    // Each rank's tokens are spread unevenly over the experts.
    for (std::size_t l = 0; l < 61; ++l)
      for (std::size_t k = 0; k < 8; ++k) {
        std::int64_t left = domain.n_token;
        for (std::size_t e = 0; e < 512; ++e) {
          const auto n =
              e == 511 ? left
                       : static_cast<std::int64_t>(rng.uniform() * 2 * static_cast<double>(left) /
                                                   static_cast<double>(513 - e));
          left -= n;
          domain.histograms[stats.shape.at(l, e, k)] = n;
          domain.weight_sum[stats.shape.at(l, e, k)] = static_cast<double>(n) * rng.uniform();
        }
      }
    stats.domains.push_back(std::move(domain));
  }
  expect_ok(write_profile(dir_ / "web.profile.gguf", stats, Overwrite::kRefuse));
  MaskRecipe recipe;
  recipe.n_keep = 256;
  put("web.mask.json", mask_to_json(value_of(build_mask(stats, recipe)).mask, false));
  const auto page = report_page(value_of(report({dir_ / "web.mask.json"})));
  EXPECT_LE(page.size(), std::size_t{3'000'000});
  EXPECT_GT(page.size(), std::size_t{1'500'000});
}

}  // namespace
}  // namespace coe
