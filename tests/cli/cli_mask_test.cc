// coe mask with all passes, from outside.
#include "coe/profile/routing/file.h"
#include "coe/profile/routing/stats.h"

#include "support/cli_test.h"
#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using coe::testing::random_stats;
using coe::testing::shape_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Json = nlohmann::json;

class CliMask : public coe::testing::CliTest {
 protected:
  CliMask() {
    add("web", {{"css", 0.2}, {"js", 0.8}}, 1);
    add("more", {{"html", 1.0}}, 2);
    add("cot", {{"q/answer", 1.0}, {"q/thinking", 1.0}}, 3);
    add("cold", {{"q/answer", 1.0}, {"q/thinking", 1.0}}, 4, 0.6);
    add("one", {{"a/closing", 1.0}}, 5);
    add("two", {{"b/closing", 1.0}}, 6);
    add("safety", {{"s", 1.0}}, 7);
    write("list.json", "[[0, 3], [2, 9]]");
  }
  void add(const std::string& name, const std::vector<std::pair<std::string, double>>& domains,
           std::uint64_t seed, double temperature = 1.0) {
    auto stats = random_stats(shape_of(3, 24, 4), domains, seed);
    coe::testing::shuffle_experts(stats, name == "cold" ? 3 : seed);  // like "cot"
    stats.corpus_digest = "xxh3:" + name;
    stats.router_temperature = temperature;
    EXPECT_TRUE(write_profile(dir_ / (name + ".gguf"), stats, Overwrite::kRefuse));
  }
  void expect_error(const std::string& options, int exit_code, const std::string& message) {
    const auto result = run("coe mask -o bad.json " + options);
    EXPECT_EQ(result.exit_code, exit_code) << options << "\n" << result.err;
    EXPECT_THAT(result.out, IsEmpty()) << options;
    EXPECT_THAT(result.err, StartsWith("error: ")) << options;
    EXPECT_THAT(result.err, HasSubstr(message)) << options;
    EXPECT_FALSE(std::filesystem::exists(dir_ / "bad.json")) << options;
  }
};

constexpr const char* kAll =
    "coe mask -p web.gguf:3 -p more.gguf:1 -k 12 --whitelist cot.gguf safety.gguf "
    "--whitelist-rank 1.2 --whitelist-first 4 --cot cot.gguf --cot-cap 2 --cot-skip 1 "
    "--cot-t06 cold.gguf --cot-domain '*/thinking' --cot-score share --closure one.gguf two.gguf "
    "--closure-lift 0.5 --structural list.json --structural-cap 1 --protect safety.gguf:2 "
    "--protect two.gguf:1:reap_sum --exempt list.json ";

// --domain names sub-domains of the profile; the weights of the text decide unless told otherwise.
TEST_F(CliMask, DomainAndAggregateDoWhatTheySay) {
  const auto made = [&](const std::string& options) {
    run_json("coe mask -p web.gguf -k 12 --force -o d.json " + options);
    return Json::parse(read("d.json"));
  };
  const auto all = made("");
  EXPECT_EQ(all["passes"][0]["aggregate"], "subdomain");
  EXPECT_EQ(made("--aggregate subdomain"), all);
  const auto token = made("--aggregate token");
  EXPECT_NE(token["layers"], all["layers"]);
  const auto css = made("--domain css");
  EXPECT_NE(css["layers"], all["layers"]);
  EXPECT_EQ(css["layers"], made("--blend css=1")["layers"]);
  EXPECT_EQ(css["layers"], made("--domain css --aggregate token")["layers"]);
  expect_error("-p web.gguf -k 12 --domain cs", 2, "has no sub-domain `cs`");
}

TEST_F(CliMask, MakesAllPassesAndSaysSo) {
  const auto doc = run_json(std::string(kAll) + "-o m.json");
  std::vector<std::string> kinds;
  std::size_t n_swap = 0;
  for (const auto& pass : doc.at("passes")) {
    kinds.push_back(pass.at("pass"));
    n_swap += pass.value("n_swap", std::size_t{0});
  }
  EXPECT_EQ(kinds, (std::vector<std::string>{"domain", "exempt", "whitelist", "cot", "closure",
                                             "structural", "protect", "protect"}));
  EXPECT_GT(n_swap, 0U);
  EXPECT_EQ(doc.at("swaps").size(), n_swap);
  for (const auto* key : {"pass", "layer", "in", "out", "out_ordinal", "in_avg_rank", "out_tier"})
    EXPECT_TRUE(doc.at("swaps").at(0).contains(key)) << key;
  EXPECT_EQ(doc.at("coverage"), doc.at("passes").back().at("coverage"));
  EXPECT_EQ(doc.at("passes").at(3).at("cap"), 2);
  EXPECT_EQ(doc.at("passes").at(3).at("skip"), 1);
  std::set<std::string> scores;
  for (const std::size_t i : {6U, 7U}) scores.insert(doc.at("passes").at(i).at("score"));
  EXPECT_EQ(scores, (std::set<std::string>{"reap_sum", "util"}));
}

TEST_F(CliMask, SaysEachSwapInWords) {
  const std::string command = "coe mask -p web.gguf -k 12 --cot cot.gguf -o m.json --force";
  const auto table = run(command).out;
  EXPECT_THAT(table, HasSubstr("domain: css+js"));
  EXPECT_THAT(table, HasSubstr("cot: q/answer+q/thinking"));
  const auto doc = run_json(command);
  ASSERT_FALSE(doc.at("swaps").empty());
  const auto& swap = doc.at("swaps").at(0);
  for (const auto* flag : {" --swaps", " -v"})
    EXPECT_THAT(run(command + flag).out, HasSubstr("layer " + swap.at("layer").dump() + ": " +
                                                   swap.at("in").dump() + " in (CoT "));
}

TEST_F(CliMask, RebuildsAMaskFromItsRecipe) {
  run_json(std::string(kAll) + "-o m.json");
  const std::string profiles =
      " -p two.gguf one.gguf cold.gguf cot.gguf safety.gguf more.gguf web.gguf";
  const auto doc = run_json("coe mask --recipe m.json -o again.json" + profiles);
  EXPECT_TRUE(doc.at("identical").get<bool>());
  EXPECT_EQ(read("again.json"), read("m.json"));
  // A mask that someone edited is told from what its passes say.
  auto edited = Json::parse(read("m.json"));
  auto& ids = edited.at("layers").at("1");
  std::uint32_t outside = 0;
  while (std::find(ids.begin(), ids.end(), Json(outside)) != ids.end()) ++outside;
  ids.at(0) = outside;
  edited.erase("checksum");
  write("edited.json", edited.dump());
  const auto other = run("coe mask --recipe edited.json -o other.json" + profiles);
  EXPECT_EQ(other.exit_code, 1) << other.err;
  EXPECT_THAT(other.out, HasSubstr("NOT the experts of edited.json: layer 1 differ"));
  EXPECT_EQ(Json::parse(read("other.json")).at("layers"), Json::parse(read("m.json")).at("layers"));
}

TEST_F(CliMask, RefusesToRebuildWithoutItsProfiles) {
  run_json("coe mask -p web.gguf -k 12 --cot cot.gguf -o m.json");
  expect_error("--recipe m.json -p web.gguf", 3, "no profile given has the content xxh3:");
  run_json("coe mask -p web.gguf -k 12 --plain -o plain.json");
  expect_error("--recipe plain.json -p web.gguf", 2, "plain.json: the mask does not say how");
  expect_error("--recipe m.json -p web.gguf -k 12", 2, "--recipe");
  expect_error("--recipe m.json -p web.gguf --cot cot.gguf", 2, "--recipe");
  expect_error("--recipe list.json -p web.gguf", 3, "list.json");
}

TEST_F(CliMask, ASweepTakesNoOneKAndNoScoreToBeChosen) {
  const auto fails_with = [&](const std::string& options, const std::string& message) {
    const auto result = run("coe mask -p web.gguf --sweep 8,12 " + options);
    EXPECT_EQ(result.exit_code, 2) << options;
    EXPECT_THAT(result.err, HasSubstr(message)) << options;
  };
  fails_with("--score auto", "a score is chosen for one K");
  fails_with("-k 12", "excludes --sweep");
  fails_with("-o m.json", "--sweep excludes --output");
}

TEST_F(CliMask, RefusesWhatMakesNoSense) {
  const std::string web = "-p web.gguf -k 12 ";
  expect_error("-p web.gguf", 2, "-k");
  expect_error("-p web.gguf:0.5 -p more.gguf -k 12", 2, "1 of 2 profiles have a weight");
  expect_error(web + "--cot-cap 3", 2, "--cot");
  expect_error(web + "--cot missing.gguf", 3, "missing.gguf");
  expect_error(web + "--cot cot.gguf --cot-domain q/answr", 2, "q/answr");
  expect_error(web + "--cot cot.gguf --cot-t06 safety.gguf", 3, "router temperature");
  expect_error(web + "--cot cot.gguf --cot-score best", 2, "best: unknown score");
  expect_error(web + "--closure one.gguf", 2, "--closure");
  expect_error(web + "--closure one.gguf one.gguf", 2, "two independent corpora");
  expect_error(web + "--closure one.gguf web.gguf", 2, "`*/closing`");
  expect_error(web + "--protect safety.gguf", 2, "`safety.gguf` is not of the form PROFILE:CAP");
  expect_error(web + "--protect safety.gguf:2:best", 2, "best: unknown score");
  expect_error(web + "--whitelist safety.gguf --whitelist-rank 4 --whitelist-first 0", 2,
               "layer 0: the whitelist guarantees experts 0, 1, 2");
  write("high.json", "[[0, 24]]");
  expect_error(web + "--structural high.json", 2, "layer 0: names expert 24");
  write("layer.json", "[[3, 1]]");
  expect_error(web + "--exempt layer.json", 2, "layer 3: the model has no experts there");
  write("text.json", "experts");
  expect_error(web + "--structural text.json", 3, "text.json: not a JSON list");
  auto stats = random_stats(shape_of(3, 24, 2), {{"s", 1.0}}, 7);
  ASSERT_TRUE(write_profile(dir_ / "used.gguf", stats, Overwrite::kRefuse));
  expect_error(web + "--cot used.gguf", 3, "used.gguf: the profile has another shape");
}

}  // namespace
}  // namespace coe
