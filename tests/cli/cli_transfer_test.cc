// coe bench transfer from outside, on the bundled model and few short records.
#include "coe/base/file.h"
#include "coe/base/json.h"

#include "support/cli_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace coe {
namespace {

using coe::testing::CommandResult;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr const char* kModel = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";

class CliTransfer : public coe::testing::CliTest {
 protected:
  CliTransfer() {
    write_pieces("code.jsonl", "code", "/src/coe/mask/keep_mask.cc", 0);
    write_pieces("prose.jsonl", "prose", "/docs/architecture.md", 0);
    write_pieces("list.jsonl", "list", "/docs/formats/result-rows.md", 0);
    write_pieces("code-test.jsonl", "code", "/src/coe/model/moe/arch_table.cc", 1);
    write_pieces("prose-test.jsonl", "prose", "/README.md", 1);
    write_pieces("list-test.jsonl", "list", "/docs/formats/score-table.md", 1);
  }
  // Pieces of a file of this repository.
  void write_pieces(const std::string& name, const std::string& domain, const std::string& path,
                    std::size_t skip) {
    std::ifstream file(COE_SOURCE_DIR + path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::ofstream out(dir_ / name);
    for (std::size_t i = skip; i < skip + 6 && i * 300 < text.size(); ++i)
      out << json_line(Json{{"domain", domain}, {"text", text.substr(i * 300, 300)}});
  }
  CommandResult transfer(const std::string& options) const {
    return run("coe bench transfer -t 1 -m " + std::string(kModel) + " " + options);
  }
  std::map<std::string, std::size_t> metrics(const std::string& file) {
    std::map<std::string, std::size_t> count;
    for (const auto& row : read_lines(file)) {
      EXPECT_EQ(row.at("schema"), "coe.result/1");
      EXPECT_EQ(row.at("kind"), "bench-transfer");
      count[row.at("metric")] += 1;
    }
    return count;
  }
};

constexpr const char* kText =
    "-f code.jsonl prose.jsonl list.jsonl --eval code-test.jsonl prose-test.jsonl list-test.jsonl "
    "--max-records 3 --max-tokens 40 ";

TEST_F(CliTransfer, OneCommandFromTextToMatrix) {
  const auto result = transfer(std::string(kText) + "-k 64,32 --random-seeds 1,2 -o out --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto doc = Json::parse(result.out);
  EXPECT_EQ(doc.at("schema"), "coe.bench-transfer/1");
  EXPECT_EQ(doc.at("masks").size(), 10U);
  EXPECT_EQ(doc.at("order").at("64").at("code").size(), 2U);
  auto count = metrics("out/rows.jsonl");
  EXPECT_EQ(count["y"], 2U * 5U * 3U);
  EXPECT_EQ(count["kl_mean"], 2U * 5U * 3U);
  EXPECT_EQ(count["accuracy"], 2U * 5U * 3U + 3U);  // and the parent's
  EXPECT_EQ(count["residual_f"], 2U * 6U);
  EXPECT_EQ(count["agg_cosine"], 2U * 6U);
  EXPECT_EQ(count["pearson"], 2U * 4U);
  EXPECT_EQ(count["near_minus_far"], 2U * 2U);
  for (const auto* file : {"matrix-k64.svg", "matrix-k32.svg", "scatter-k64.svg", "profile.gguf",
                           "masks/code-k64.json", "masks/random-2-k32.json", "cells/prose.json"})
    EXPECT_TRUE(std::filesystem::exists(dir_ / "out" / file)) << file;
  EXPECT_FALSE(std::filesystem::exists(dir_ / "out" / "profile.gguf.partial"));
  // The numbers are those of coe eval.
  const auto eval = coe::testing::run_command(
      dir_.path().string(), "coe eval -t 1 -m " + std::string(kModel) +
                                " -f prose-test.jsonl --max-tokens 40 --mask "
                                "out/masks/code-k64.json --json > eval.json; head -3 "
                                "prose-test.jsonl > few.jsonl; coe eval -t 1 -m " +
                                std::string(kModel) +
                                " -f few.jsonl --max-tokens 40 --mask out/masks/code-k64.json "
                                "--json");
  ASSERT_EQ(eval.exit_code, 0) << eval.err;
  const double kl =
      Json::parse(eval.out).at("results").at(0).at("domains").at(0).at("kl_mean").get<double>();
  double found = -1.0;
  for (const auto& row : doc.at("rows"))
    if (row.at("metric") == "kl_mean" && row.at("n_keep") == 64 && row.at("subject") == "code" &&
        row.at("domain") == "prose")
      found = row.at("value");
  EXPECT_DOUBLE_EQ(found, kl);

  // Finished: not again without --force, and then nothing runs.
  const auto again = transfer(std::string(kText) + "-k 64,32 --random-seeds 1,2 -o out");
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("rows.jsonl"));
  const auto forced =
      transfer(std::string(kText) + "-k 64,32 --random-seeds 1,2 -o out --force --json");
  ASSERT_EQ(forced.exit_code, 0) << forced.err;
  EXPECT_EQ(Json::parse(forced.out).at("rows"), doc.at("rows"));
  // Other text, other cells.
  const auto other =
      transfer("-p out/profile.gguf --eval code-test.jsonl -k 48 --max-tokens 40 -o out");
  EXPECT_EQ(other.exit_code, 2);
  const auto table = transfer(
      "-p out/profile.gguf --eval code-test.jsonl -k 48 --max-tokens 40 "
      "--no-random -o other");
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("on code"));
  EXPECT_THAT(table.out, HasSubstr("no correlation"));

  // Ready masks, with names of their own.
  const auto ready = transfer(
      "--masks c=out/masks/code-k64.json p=out/masks/prose-k64.json --eval code-test.jsonl "
      "--max-records 2 --max-tokens 40 --no-random -o ready --json");
  ASSERT_EQ(ready.exit_code, 0) << ready.err;
  EXPECT_EQ(Json::parse(ready.out).at("masks").size(), 2U);
}

TEST_F(CliTransfer, RefusesWhatMakesNoSense) {
  const auto expect_error = [&](const std::string& options, int code, const std::string& message) {
    const auto result = transfer(options);
    EXPECT_EQ(result.exit_code, code) << options << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr(message)) << options;
    EXPECT_FALSE(std::filesystem::exists(dir_ / "bad" / "rows.jsonl"));
  };
  const std::string eval = "--eval code-test.jsonl -o bad ";
  expect_error(eval + "-k 64", 2, "no specialists");
  expect_error(eval + "-f code.jsonl", 2, "-k");
  expect_error(eval + "-f code.jsonl -p x.gguf -k 64", 2, "-p and -f");
  expect_error(eval + "-f code.jsonl -k 4", 2, "experts");
  expect_error(eval + "-f code.jsonl -k sixty", 2, "sixty");
  expect_error(eval + "-f code-test.jsonl -k 64", 3, "code-test.jsonl");
  expect_error(eval + "-p missing.gguf -k 64", 3, "missing.gguf");
  expect_error(eval + "--masks missing.json", 2, "NAME=FILE");
  expect_error(eval + "--masks a=missing.json", 3, "missing.json");
  expect_error(eval + "-f code.jsonl -k 64 --score best", 2, "best");
  expect_error("--eval missing.jsonl -o bad -f code.jsonl -k 64", 3, "missing.jsonl");
  std::ofstream(dir_ / "file") << "x";
  expect_error("--eval code-test.jsonl -o file -f code.jsonl -k 64", 1, "file");
}

}  // namespace
}  // namespace coe
