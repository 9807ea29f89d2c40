// coe bench scores from outside, on the bundled model and few short records.
#include "coe/base/json.h"

#include "support/cli_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace coe {
namespace {

using coe::testing::CommandResult;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class CliScores : public coe::testing::CliTest {
 protected:
  CliScores() {
    write_pieces("code.jsonl", "code", "/src/coe/mask/keep_mask.cc", 0, 16);
    write_pieces("prose.jsonl", "prose", "/docs/architecture.md", 0, 16);
    write_pieces("code-test.jsonl", "code", "/src/coe/model/moe/arch_table.cc", 1, 3);
    write_pieces("prose-test.jsonl", "prose", "/README.md", 1, 3);
  }
  // Pieces of a file of this repository.
  void write_pieces(const std::string& name, const std::string& domain, const std::string& path,
                    std::size_t skip, std::size_t n) {
    std::ifstream file(COE_SOURCE_DIR + path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::ofstream out(dir_ / name);
    for (std::size_t i = skip; i < skip + n && i * 300 < text.size(); ++i)
      out << json_line(Json{{"domain", domain}, {"text", text.substr(i * 300, 300)}});
  }
  CommandResult scores(const std::string& options) const {
    return run("coe bench scores -t 1 -m " COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf " +
               options);
  }
  // The row of a measure at K = 64.
  static Json row_of(const Json& doc, const std::string& metric, const std::string& score,
                     const Json& heal, const Json& domain) {
    for (const auto& row : doc.at("rows"))
      if (row.at("metric") == metric && row.at("score") == score && row.at("heal") == heal &&
          row.at("domain") == domain && row.at("n_keep") == 64)
        return row;
    return nullptr;
  }
};

constexpr const char* kScoresText =
    "-f code.jsonl prose.jsonl --eval code-test.jsonl prose-test.jsonl --max-tokens 40 ";

TEST_F(CliScores, OneCommandFromTextToTheBestScore) {
  const std::string command = std::string(kScoresText) +
                              "-k 32,64 --scores util,share --recon-tokens 300 --heal gain "
                              "--random-seeds 1,2 -o out";
  const auto result = scores(command + " --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto doc = Json::parse(result.out);
  EXPECT_EQ(doc.at("schema"), "coe.bench-scores/1");
  EXPECT_EQ(doc.at("heal"), "gain");
  std::map<std::string, std::size_t> count;
  for (const auto& row : read_lines("out/rows.jsonl")) {
    EXPECT_EQ(row.at("kind"), "bench-scores");
    count[row.at("metric")] += 1;
  }
  // util, share, recon, recon healed, random: of two domains at two K, and the means.
  EXPECT_EQ(count["kl_mean"], 5U * 2U * 2U);
  EXPECT_EQ(count["kl_ratio"], 5U * 2U * 2U + 5U * 2U);
  EXPECT_EQ(row_of(doc, "kl_ratio", "util", nullptr, nullptr).at("value"), 1.0);
  EXPECT_EQ(row_of(doc, "kl_mean", "recon", "gain", "code").at("n_record"), 3);
  for (const auto* file : {"profile.gguf", "recon/code.gguf", "masks/share-prose-k64.json",
                           "masks/recon-code-k32.json", "cells/code.json"})
    EXPECT_TRUE(std::filesystem::exists(dir_ / "out" / file)) << file;
  for (const auto* gone : {"heal", "parent.logits", "profile.gguf.partial"})
    EXPECT_FALSE(std::filesystem::exists(dir_ / "out" / gone)) << gone;

  // The numbers are those of coe eval.
  const auto eval = run("coe eval -t 1 -m " COE_SOURCE_DIR
                        "/models/gemma4-tiny-moe-q4_k_m.gguf -f prose-test.jsonl --max-tokens 40 "
                        "--mask out/masks/share-prose-k64.json --virtual --json");
  ASSERT_EQ(eval.exit_code, 0) << eval.err;
  EXPECT_EQ(row_of(doc, "kl_mean", "share", nullptr, "prose").at("value"),
            Json::parse(eval.out).at("results").at(0).at("domains").at(0).at("kl_mean"));

  // Finished: not again without --force, and then nothing is measured anew.
  EXPECT_EQ(scores(command).exit_code, 2);
  const auto again = scores(command + " --force --json");
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(Json::parse(again.out).at("rows"), doc.at("rows"));
  const auto table = scores(command + " --force");
  EXPECT_THAT(table.out, HasSubstr("recon + gain"));
  EXPECT_THAT(table.out, HasSubstr("next: coe specialize"));
}

TEST_F(CliScores, AHealedRowIsThatOfTheHealedFile) {
  const auto result = scores(std::string(kScoresText) +
                             "-k 64 --scores util --recon-tokens 300 --heal ridge --no-random "
                             "-o out --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string model = "-m " COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf ";
  const auto healed = run("coe heal -t 1 " + model +
                          "--mask out/masks/recon-code-k64.json -f code.jsonl --method ridge -o "
                          "c.gguf");
  ASSERT_EQ(healed.exit_code, 0) << healed.err;
  const auto eval = run("coe eval -t 1 -m c.gguf --parent " +
                        std::string(COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf") +
                        " -f code-test.jsonl --max-tokens 40 --json");
  ASSERT_EQ(eval.exit_code, 0) << eval.err;
  // The parent's logits are condensed there, by 1e-4 of their mass at most.
  const double expected =
      Json::parse(eval.out).at("results").at(0).at("domains").at(0).at("kl_mean");
  const double found =
      row_of(Json::parse(result.out), "kl_mean", "recon", "ridge", "code").at("value");
  EXPECT_NEAR(found, expected, 2e-3 * expected);
}

TEST_F(CliScores, RefusesWhatMakesNoSense) {
  const auto expect_error = [&](const std::string& options, int code, const std::string& message) {
    const auto result = scores(options);
    EXPECT_EQ(result.exit_code, code) << options << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr(message)) << options;
    EXPECT_FALSE(std::filesystem::exists(dir_ / "bad" / "rows.jsonl"));
  };
  const std::string eval = "--eval code-test.jsonl -o bad ";
  expect_error(eval, 2, "no domains are given");
  expect_error(eval + "-f code.jsonl -p x.gguf", 2, "-p and -f");
  expect_error(eval + "-f code.jsonl -k 4", 2, "experts");
  expect_error(eval + "-f code.jsonl --scores best", 2, "best");
  expect_error(eval + "-f code.jsonl --heal more", 2, "more");
  expect_error(eval + "-f code.jsonl --no-recon --heal gain", 2, "what is healed is what recon");
  expect_error(eval + "-f code-test.jsonl", 3, "code-test.jsonl");
  expect_error(eval + "-p missing.gguf", 3, "missing.gguf");
  expect_error(eval + "-f prose.jsonl", 2, "no held-out text is of a domain");
}

}  // namespace
}  // namespace coe
