// All passes of a mask on the bundled model's real profiles, held to the independent reference.
#include "coe/base/json.h"

#include "support/cli_test.h"
#include "support/reasoning_chats.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace coe {
namespace {

using Json = nlohmann::json;

constexpr const char* kSource = COE_SOURCE_DIR;

class CliPasses : public coe::testing::CliTest {
 protected:
  void profile(const std::string& options) {
    const auto result = run("coe profile -t 1 -q -m " + std::string(kSource) +
                            "/models/gemma4-tiny-moe-q4_k_m.gguf " + options);
    ASSERT_EQ(result.exit_code, 0) << options << "\n" << result.err;
  }
  // Code as the domain: a few files of this repository, in pieces.
  void write_code(const std::string& name) {
    std::ofstream out(dir_ / name);
    for (const auto* path : {"/src/coe/mask/keep_mask.cc", "/src/coe/model/moe/arch_table.cc"}) {
      std::ifstream file(kSource + std::string(path));
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      for (std::size_t at = 0; at < text.size() && at < 9000; at += 900)
        out << json_line(Json{{"domain", "code"}, {"text", text.substr(at, 900)}});
    }
  }
  Json read_json(const std::string& name) {
    std::ifstream file(dir_ / name);
    return Json::parse(file);
  }
};

TEST_F(CliPasses, AgreeWithTheReferenceSwapBySwap) {
  if (run("command -v python3").exit_code != 0) GTEST_SKIP() << "python3 is not installed";
  write_code("code.jsonl");
  coe::testing::write_reasoning_chats(dir_ / "a.jsonl", 1, 20);
  coe::testing::write_reasoning_chats(dir_ / "b.jsonl", 2, 20);
  profile("-f code.jsonl -o code.gguf");
  profile("-f a.jsonl -o cot.gguf");
  profile("-f a.jsonl --router-temperature 0.6 -o cold.gguf");
  profile("-f a.jsonl --roles -o one.gguf");
  profile("-f b.jsonl --roles -o two.gguf");
  std::ofstream(dir_ / "list.json") << "[[0, 1], [0, 2], [0, 3], [5, 9], [5, 10], [5, 11]]";
  const std::string passes =
      " --whitelist cot.gguf --cot cot.gguf --cot-cap 3 --cot-skip 1 --cot-t06 cold.gguf "
      "--closure one.gguf two.gguf --closure-cap 2 --structural list.json --structural-cap 2 "
      "--protect two.gguf:4 ";
  const auto mask = run("coe mask -p code.gguf -k 64 --score reap_sum -o m.json --json" + passes);
  ASSERT_EQ(mask.exit_code, 0) << mask.err;
  const auto reference = run("python3 " + std::string(kSource) +
                             "/tests/reference/reference.py code.gguf -k 64 --score reap_sum "
                             "--compare m.json --swaps-out s.json" +
                             passes);
  ASSERT_EQ(reference.exit_code, 0) << reference.err;
  // Each layer's swaps in the order of passes there, each pass's in the order of layers here.
  std::multiset<Json> ours;
  std::set<std::string> kinds;
  const auto report = Json::parse(mask.out);
  for (const auto& swap : report.at("swaps")) {
    ours.insert(Json::array({swap.at("pass"), swap.at("layer"), swap.at("in"), swap.at("out")}));
    kinds.insert(swap.at("pass"));
  }
  const auto theirs = read_json("s.json");
  EXPECT_EQ(ours, std::multiset<Json>(theirs.begin(), theirs.end()));
  EXPECT_GE(kinds.size(), 4U) << mask.out;
  const auto again =
      run("coe mask --recipe m.json -p code.gguf cot.gguf cold.gguf one.gguf two.gguf -o n.json "
          "--json");
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_TRUE(Json::parse(again.out).at("identical").get<bool>());
}

}  // namespace
}  // namespace coe
