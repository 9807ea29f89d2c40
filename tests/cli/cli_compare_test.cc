// coe compare from outside, without inference.
#include "coe/base/file.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"
#include "coe/profile/routing/file.h"
#include "coe/profile/routing/stats.h"

#include "support/cli_test.h"
#include "support/expect.h"
#include "support/tiny_gguf.h"
#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <sstream>
#include <string>

namespace coe {
namespace {

using coe::testing::expect_ok;
using coe::testing::value_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

class CliCompare : public coe::testing::CliTest {
 protected:
  CliCompare() {
    write("a.json", R"({"0": [0, 1, 2], "1": [0, 1, 2]})");
    write("b.json", R"({"0": [0, 1, 3], "1": [0, 1, 2]})");
    write("c.json", R"({"0": [0, 1, 3], "1": [5, 6, 7]})");
    testing::write_tiny(dir_ / "parent.gguf", testing::tiny_moe({.down_scale = true}));
    const auto moe = value_of(describe_moe(value_of(gguf::GgufFile::open(dir_ / "parent.gguf"))));
    auto stats = testing::random_stats(testing::shape_of(2, 8, 2), {{"css", 1.0}}, 5);
    stats.parent = moe.id;
    expect_ok(write_profile(dir_ / "p.gguf", stats, Overwrite::kRefuse));
  }
  void expect_error(const std::string& command, int exit_code, const std::string& message) {
    const auto result = run(command);
    EXPECT_EQ(result.exit_code, exit_code) << command << "\n" << result.err;
    EXPECT_THAT(result.out, IsEmpty()) << command;
    EXPECT_THAT(result.err, HasSubstr("error: ")) << command;
    EXPECT_THAT(result.err, HasSubstr(message)) << command;
  }
};

TEST_F(CliCompare, TwoMasksAsText) {
  const auto result = run("coe compare a.json b.json");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, R"(2 masks, 2 layers
  A  a.json, keeps 3
  B  b.json, keeps 3
Backbone (experts in every mask): 2.5 a layer; 2 in layer 0 to 3 in layer 1

Pairs (Jaccard and F1 on the mean over layers)
  pair   Jaccard   lowest (layer)   highest (layer)      F1
  A B      0.750        0.500 (0)         1.000 (1)   0.833

Layer by layer (J: Jaccard)
  layer   backbone   J A B
  0              2   0.500
  1              3   1.000
next: coe eval -m PARENT.gguf --mask a.json --mask b.json -f HELD-OUT.jsonl
)");
}

TEST_F(CliCompare, ThreeMasksHaveResiduals) {
  const auto doc = run_json("coe compare a.json b.json c.json");
  EXPECT_EQ(doc.at("schema"), "coe.compare/1");
  EXPECT_EQ(doc.at("n_expert"), 0);
  EXPECT_EQ(doc.at("layers"), Json({0, 1}));
  EXPECT_EQ(doc.at("backbone"), Json::parse("[[0, 1], []]"));
  EXPECT_EQ(doc.at("masks").at(2).at("file"), "c.json");
  const auto& ab = doc.at("pairs").at(0);
  EXPECT_EQ(ab.at("jaccard").at("layers"), Json({0.5, 1.0}));
  EXPECT_EQ(ab.at("jaccard").at("min_layer"), 0);
  // R(A) = {2}, {0,1,2}; R(B) = {3}, {0,1,2}
  EXPECT_EQ(ab.at("residual_f").at("a_to_b").at("layers"), Json({0.0, 1.0}));
  EXPECT_EQ(ab.at("residual_f").at("a_to_b").at("pooled"), 0.75);
  EXPECT_FALSE(ab.contains("agg_cos"));
  EXPECT_THAT(run("coe compare a.json b.json c.json").out, HasSubstr("F there"));
}

TEST_F(CliCompare, ProfileShowsCoverageAndTolerance) {
  const auto doc = run_json("coe compare a.json b.json -p p.gguf --score share --svg out.svg");
  EXPECT_EQ(doc.at("score"), "share");
  EXPECT_EQ(doc.at("svg"), "out.svg");
  const auto& profile = doc.at("profiles").at(0);
  EXPECT_EQ(profile.at("n_keep"), Json({1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(profile.at("coverage").size(), 2U);
  const auto& layer = profile.at("layers").at(0);
  EXPECT_EQ(layer.at("coverage").size(), 8U);
  EXPECT_LE(layer.at("n_keep_for_80"), layer.at("n_keep_for_95"));
  EXPECT_THAT(value_of(read_text(dir_ / "out.svg")), HasSubstr("</svg>"));
  const auto text = run("coe compare a.json b.json -p p.gguf -p p.gguf");
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.out, HasSubstr("P2  p.gguf"));
  EXPECT_THAT(text.out, HasSubstr("K for 95 %"));
}

TEST_F(CliCompare, FitsIntoHundredColumns) {
  std::string command = "coe compare -p p.gguf -p p.gguf --profile p.gguf -p p.gguf";
  for (int i = 0; i < 9; ++i) command += i % 2 == 0 ? " a.json" : " b.json";
  const auto result = run(command);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("next: ")) continue;  // a command is one line
    EXPECT_LE(line.size(), 100U) << line;
  }
  EXPECT_THAT(result.out, HasSubstr("lowest J (pair)"));
}

#if COE_HAS_ENGINE
TEST_F(CliCompare, ModelAddsAggCos) {
  const auto doc = run_json("coe compare a.json b.json c.json -m parent.gguf");
  const auto& cosine = doc.at("pairs").at(0).at("agg_cos");
  EXPECT_LT(cosine.at("layers").at(0), 0.5);  // experts 2 and 3, random
  EXPECT_EQ(cosine.at("layers").at(1), 1.0);
  EXPECT_GT(doc.at("agg_cos").at("bytes_read"), 0);
  EXPECT_THAT(run("coe compare a.json b.json -m parent.gguf").out, HasSubstr("Agg-cos"));
}
#else
TEST_F(CliCompare, ModelNeedsTheEngine) {
  expect_error("coe compare a.json b.json -m parent.gguf", 4, "Agg-cos needs the engine");
}
#endif

TEST_F(CliCompare, BadInputIsRefusedBeforeAnythingIsWritten) {
  expect_error("coe compare a.json", 2, "needs two masks or more");
  expect_error("coe compare a.json nothere.json", 3, "nothere.json");
  write("bad.json", R"({"0": [0, 1, 1]})");
  expect_error("coe compare a.json bad.json", 3,
               "bad.json: layer 0: names expert 1 more than once");
  write("short.json", R"({"0": [0, 1, 2]})");
  expect_error("coe compare a.json short.json --svg x.svg", 3,
               "short.json: says nothing about layer 1, which a.json has");
  expect_error("coe compare a.json b.json -p parent.gguf", 3, "parent.gguf");
  expect_error("coe compare a.json b.json -p p.gguf --score utli", 2, "utli");
  write("wide.json", R"({"0": [0, 1, 9], "1": [0, 1, 2]})");
  expect_error("coe compare a.json wide.json -p p.gguf", 3,
               "wide.json: layer 0: keeps expert 9 but p.gguf has 8 experts");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "x.svg"));
  write("there.svg", "mine");
  expect_error("coe compare a.json b.json --svg there.svg", 2, "there.svg");
  EXPECT_EQ(value_of(read_text(dir_ / "there.svg")), "mine");
}

}  // namespace
}  // namespace coe
