// Memory and speed: coe inspect -c, coe bench memory, coe bench speed, on the bundled model.
#include "support/cli_test.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <string>
#include <utility>

namespace coe {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kModel = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";

// Sanitizers keep memory of their own beside what is allocated.
#ifdef COE_SANITIZED
constexpr double kTolerance = 1e9;
#else
constexpr double kTolerance = 0.05;
#endif

class CliCost : public coe::testing::CliTest {
 protected:
  void make_child() const {
    const auto inspected = run_json("coe inspect " + kModel);
    Json plain = Json::object();
    for (const auto& layer : inspected.at("layers")) {
      Json ids = Json::array();
      for (int id = 0; id < 64; ++id) ids.push_back(2 * id);
      plain[std::to_string(layer.at("layer").get<int>())] = std::move(ids);
    }
    write("m.json", plain.dump());
    run_json("coe prune -m " + kModel + " --mask m.json -o child.gguf");
  }
  static const Json& host(const Json& row) { return row.at("devices").back(); }
};

TEST_F(CliCost, WhatIsPredictedOfACutIsPredictedOfTheFileThatWasCut) {
  make_child();
  const auto parent = run_json("coe inspect " + kModel + " -c 512,2048 -k 64").at("memory");
  const auto child = run_json("coe inspect child.gguf -c 512,2048 -k 32").at("memory");
  ASSERT_EQ(parent.size(), 4U);
  ASSERT_EQ(child.size(), 4U);
  for (std::size_t context = 0; context < 2; ++context) {
    const auto& cut = parent.at(2 + context);
    const auto& file = child.at(context);
    EXPECT_EQ(cut.at("n_keep"), 64);
    EXPECT_EQ(file.at("n_keep"), 64);
    EXPECT_EQ(cut.at("n_ctx"), file.at("n_ctx"));
    for (const auto* part : {"weights", "kv_cache", "compute"})
      EXPECT_EQ(host(cut).at(part), host(file).at(part)) << part;
  }
  // More context, more cache; fewer experts, fewer weights by half of what the experts have.
  EXPECT_GT(host(parent.at(1)).at("kv_cache"), host(parent.at(0)).at("kv_cache"));
  const auto weights = [&](std::size_t i) {
    return host(parent.at(i)).at("weights").get<double>();
  };
  EXPECT_NEAR(weights(0) - weights(2), 8.9e6, 0.1e6);
}

TEST_F(CliCost, MemoryIsPredictedAsItIsMeasured) {
  make_child();
  const auto doc =
      run_json("coe bench memory -m " + kModel + " child.gguf -c 1024,2048 -t 1 -o rows.jsonl");
  ASSERT_EQ(doc.at("models").size(), 2U);
  for (const auto& model : doc.at("models")) {
    ASSERT_EQ(model.at("contexts").size(), 2U);
    for (const auto& context : model.at("contexts")) {
      EXPECT_EQ(context.at("n_fill"), context.at("n_ctx"));
      EXPECT_LT(std::abs(context.at("error").get<double>()), kTolerance) << context;
    }
  }
  double predicted = 0.0;
  double allocated = 0.0;
  std::size_t n_row = 0;
  for (const auto& row : read_lines("rows.jsonl")) {
    EXPECT_EQ(row.at("kind"), "bench-memory");
    EXPECT_EQ(row.at("schema"), "coe.result/1");
    const bool is_buffer = row.at("part") != "other" && row.at("part") != "all";
    if (is_buffer && row.at("metric") == "predicted_bytes")
      predicted += row.at("value").get<double>();
    if (row.at("metric") == "allocated_bytes") allocated += row.at("value").get<double>();
    ++n_row;
  }
  EXPECT_EQ(n_row, 36U);
  EXPECT_EQ(predicted, allocated);  // buffers are those that were said
}

TEST_F(CliCost, AContextIsCappedAtWhatTheModelWasTrainedFor) {
  const auto result = run("coe bench memory -m " + kModel + " -c 100000 --predict-only --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("trained for 2048 tokens"));
  const auto context = Json::parse(result.out).at("models").at(0).at("contexts").at(0);
  EXPECT_EQ(context.at("n_ctx"), 2048);
  EXPECT_FALSE(context.contains("measured"));
}

// What --fit says of a K is what -k predicts of it, and the file that is cut so is no larger.
TEST_F(CliCost, TheLargestKThatFitsIsFound) {
#ifdef COE_SANITIZED
  GTEST_SKIP() << "the sanitizer keeps memory of its own beside what is allocated";
#endif
  const auto fit = run_json("coe inspect " + kModel + " --fit 30MB -c 1k").at("fit").at(0);
  EXPECT_EQ(fit.at("budget"), 30'000'000);
  EXPECT_EQ(fit.at("n_ctx"), 1024);
  const auto n_keep = fit.at("n_keep").get<int>();
  const auto k = std::to_string(n_keep);
  const auto cut = run_json("coe inspect " + kModel + " -c 1024 -k " + k).at("memory").at(1);
  bool was_found = false;
  for (const auto& point : fit.at("points")) {
    EXPECT_EQ(point.at("fits"), point.at("n_keep") <= n_keep) << point;
    EXPECT_EQ(point.at("fits"), point.at("sum") <= 30'000'000) << point;
    if (point.at("n_keep") != n_keep) continue;
    was_found = true;
    for (const auto* part : {"weights", "kv_cache", "compute"})
      EXPECT_EQ(point.at(part), host(cut).at(part)) << part;
  }
  EXPECT_TRUE(was_found);
  // Of one run: what a process takes beside its buffers is measured, and may move K by one.
  const auto said = run("coe inspect " + kModel + " --fit 30MB -c 1k").out;
  const std::string before = "tokens: K = ";
  const auto at = said.find(before);
  ASSERT_NE(at, std::string::npos) << said;
  const auto its = std::stoi(said.substr(at + before.size()));
  EXPECT_NEAR(its, n_keep, 1);
  EXPECT_THAT(said, HasSubstr(fmt::format("specialize -m {} -f DOMAIN.jsonl -k {} ", kModel, its)));
  const auto run_fit = [&](const std::string& options) {
    return run_json("coe inspect " + kModel + " -c 1k --fit " + options).at("fit").at(0);
  };
  EXPECT_GT(run_fit("30MiB").at("n_keep"), n_keep);
  EXPECT_GT(run_fit("30MB -ctk q8_0 -ctv q8_0").at("n_keep"), n_keep);
  EXPECT_GT(run_fit("30MB --n-cpu-moe 2").at("n_keep"), n_keep);
  EXPECT_EQ(run_fit("100MB").at("n_keep"), 128);
  EXPECT_EQ(run("coe inspect " + kModel + " --fit 5MB").exit_code, 1);
  EXPECT_EQ(run("coe inspect " + kModel + " --fit 5XB").exit_code, 2);
}

TEST_F(CliCost, CutsNeedNoContextAndMayBeShares) {
  const auto memory = run_json("coe inspect " + kModel + " -k half,25%").at("memory");
  ASSERT_EQ(memory.size(), 3U);
  EXPECT_EQ(memory.at(0).at("n_keep"), 128);
  EXPECT_EQ(memory.at(1).at("n_keep"), 64);
  EXPECT_EQ(memory.at(2).at("n_keep"), 32);
  EXPECT_EQ(memory.at(2).at("n_ctx"), 2048);  // 16k is more than it was trained for
  EXPECT_EQ(run("coe inspect " + kModel + " -k 1%").exit_code, 2);
  EXPECT_EQ(run("coe inspect " + kModel + " -c 1kk").exit_code, 2);
}

TEST_F(CliCost, LayersForAGpuThatIsNotThereAreSaidOnce) {
  const auto asked = run("coe inspect " + kModel + " -c 512 -k 64 -ngl 4");
  if (run("coe inspect " + kModel + " -c 512 -k 64").out.find("CUDA") != std::string::npos)
    GTEST_SKIP() << "this machine has a GPU";
  EXPECT_EQ(asked.exit_code, 0);
  EXPECT_THAT(asked.err, HasSubstr("-ngl: there is no GPU"));
  EXPECT_EQ(asked.err.find("-ngl:"), asked.err.rfind("-ngl:"));
  EXPECT_EQ(run("coe inspect " + kModel + " -c 512 -k 64").err, "");
  EXPECT_EQ(run("coe inspect " + kModel + " -c 512 -k 64 -ngl 0").err, "");
}

// A quantised cache of values is refused in our words where it cannot be.
TEST_F(CliCost, CacheTypesAreLlamaCppsOwn) {
  write("text.jsonl", "{\"text\": \"A short text.\"}\n");
  const auto plain = run_json("coe eval -m " + kModel + " -f text.jsonl -t 1");
  const auto coarse = run_json("coe eval -m " + kModel + " -f text.jsonl -t 1 -ctk q4_0");
  EXPECT_NE(plain.at("results"), coarse.at("results"));
  const auto refused = run("coe eval -m " + kModel + " -f text.jsonl -ctv q8_0");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--flash-attn"));
  EXPECT_EQ(run("coe eval -m " + kModel + " -f text.jsonl -ctk q9").exit_code, 2);
}

TEST_F(CliCost, SpeedOfParentAndChildInTurns) {
  make_child();
  write("text.jsonl", "{\"text\": \"A short text that is read over and over again.\"}\n");
  const auto doc = run_json("coe bench speed -m " + kModel +
                            " child.gguf -f text.jsonl --n-prompt 32 --n-generate 4 --n-depth 8 "
                            "--rounds 2 -t 1 -o rows.jsonl");
  ASSERT_EQ(doc.at("rounds").size(), 2U);
  const auto& parent = doc.at("rounds").at(0);
  ASSERT_EQ(parent.at("decode_s").size(), 2U);
  const auto rows = read_lines("rows.jsonl");
  const auto value = [&](const std::string& subject, const std::string& metric) {
    for (const auto& row : rows)
      if (row.at("subject") == subject && row.at("metric") == metric)
        return row.at("value").get<double>();
    ADD_FAILURE() << subject << " " << metric;
    return 0.0;
  };
  const auto name = kModel.substr(kModel.rfind('/') + 1);
  double seconds = 0.0;
  for (const auto& s : parent.at("decode_s")) seconds += s.get<double>();
  EXPECT_NEAR(value(name, "decode_tokens_per_s"), 8.0 / seconds, 1e-9 / seconds);
  EXPECT_EQ(value(name, "decode_ratio"), 1.0);
  double child_seconds = 0.0;
  for (const auto& s : doc.at("rounds").at(1).at("decode_s")) child_seconds += s.get<double>();
  EXPECT_NEAR(value("child.gguf", "decode_ratio"), seconds / child_seconds, 1e-9);
  // A token reads what it did: the router alone is smaller.
  const double bytes = parent.at("bytes_per_token");
  const double of_child = doc.at("rounds").at(1).at("bytes_per_token");
  EXPECT_LT(of_child, bytes);
  EXPECT_GT(of_child, 0.9 * bytes);
}

TEST_F(CliCost, OneAtATimeAndErrors) {
  run_json("coe bench speed -m " + kModel +
           " --one-at-a-time --n-prompt 8 --n-generate 2 --rounds 1 -t 1");
  const auto long_text = run("coe bench speed -m " + kModel + " --n-prompt 4000");
  EXPECT_EQ(long_text.exit_code, 2);
  EXPECT_THAT(long_text.err, HasSubstr("trained for 2048"));
  write("rows.jsonl", "mine");
  EXPECT_EQ(run("coe bench speed -m " + kModel + " -o rows.jsonl").exit_code, 2);
  EXPECT_EQ(run("coe bench memory -m " + kModel + " -o rows.jsonl").exit_code, 2);
  EXPECT_EQ(read("rows.jsonl"), "mine");
  EXPECT_EQ(run("coe bench memory -m none.gguf").exit_code, 3);
  EXPECT_EQ(run("coe inspect " + kModel + " -c 512 -k 7").exit_code, 2);
}

}  // namespace
}  // namespace coe
