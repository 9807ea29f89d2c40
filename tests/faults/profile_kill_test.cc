// `coe profile` killed and interrupted at moments that random ones seldom hit, on the bundled
// model: a resumed run must give the bytes of one that was never stopped.
#include "coe/base/file.h"
#include "coe/corpus/reasoning.h"

#include "faults/process.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace coe::testing {
namespace {

using ::testing::HasSubstr;

class ProfileKillTest : public ::testing::Test {
 protected:
  ProfileKillTest() { write(text(), 1, 24); }

  static void write(const Path& path, std::uint64_t seed, std::uint64_t n_problem) {
    std::ofstream out(path);
    for (const auto& problem : generate_reasoning(seed, n_problem))
      out << nlohmann::json{{"domain", "reasoning"},
                            {"text", problem.problem + problem.thinking + problem.solution}}
                 .dump()
          << "\n";
  }

  Path text() const { return dir_ / "text.jsonl"; }
  Path output() const { return dir_ / "p.gguf"; }
  Path partial() const { return dir_ / "p.gguf.partial"; }

  // A state after every record.
  std::vector<std::string> command(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {COE_BINARY,
                                      "profile",
                                      "-q",
                                      "-t",
                                      "1",
                                      "-m",
                                      COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf",
                                      "-f",
                                      text(),
                                      "-o",
                                      output(),
                                      "--coactivation",
                                      "--stability",
                                      "--checkpoint",
                                      "0.001"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // Everything that a run leaves, as one text; the files are removed.
  std::string take_results() const {
    std::string all;
    for (const char* name : {"p.gguf", "p.stability.json", "p.stability.svg"}) {
      all += value_of(read_text(dir_ / name));
      std::filesystem::remove(dir_ / name);
    }
    EXPECT_FALSE(std::filesystem::exists(partial()));
    EXPECT_FALSE(std::filesystem::exists(dir_ / ".p.gguf.partial.part"));
    return all;
  }

  TempDir dir_;
};

TEST_F(ProfileKillTest, AKillWhileTheProfileAppearsIsResumedToo) {
  ASSERT_TRUE(run_process(command()).done());
  const auto profile = value_of(read_text(output()));
  // As if it had died before it could tidy up.
  expect_ok(write_file(partial(), "state", Overwrite::kRefuse));
  const auto again = run_process(command({"--resume"}));
  ASSERT_TRUE(again.done()) << describe(again);
  EXPECT_TRUE(value_of(read_text(output())) == profile);
  EXPECT_FALSE(std::filesystem::exists(partial()));
}

TEST_F(ProfileKillTest, CtrlCKeepsTheStateAndSaysHowToGoOn) {
  ASSERT_TRUE(run_process(command()).done());
  const auto expected = take_results();
  for (const int signal : {SIGINT, SIGTERM}) {
    Process process(command());
    ASSERT_TRUE(process.stop_at(partial(), 1)) << "too fast";
    process.send(signal);
    process.resume();
    const auto exit = process.wait();
    EXPECT_EQ(exit.code, 130) << describe(exit);
    EXPECT_THAT(exit.errors, HasSubstr("--resume"));
    EXPECT_FALSE(std::filesystem::exists(output()));
    ASSERT_TRUE(std::filesystem::exists(partial()));
    // Nothing is thrown away unasked, and nothing foreign is gone on with.
    const auto refused = run_process(command());
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.errors, HasSubstr("p.gguf.partial: an unfinished run is there"));
    const auto other = run_process(command({"--resume", "--max-tokens", "64"}));
    EXPECT_EQ(other.code, 3);
    EXPECT_THAT(other.errors, HasSubstr("was begun with another setting"));
    const auto resumed = run_process(command({"--resume"}));
    EXPECT_TRUE(resumed.done()) << describe(resumed);
    EXPECT_TRUE(take_results() == expected);
  }
}

TEST_F(ProfileKillTest, ForceStartsAgain) {
  ASSERT_TRUE(run_process(command({"--force"})).done());
  const auto expected = take_results();
  expect_ok(write_file(partial(), "no state at all", Overwrite::kRefuse));
  EXPECT_EQ(run_process(command({"--resume"})).code, 3);
  ASSERT_TRUE(run_process(command({"--force"})).done());
  EXPECT_TRUE(take_results() == expected);
}

}  // namespace
}  // namespace coe::testing
