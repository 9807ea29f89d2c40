// `coe profile` and `coe specialize` killed and interrupted at any moment, on the bundled model: a
// resumed run must give the bytes of one that was never stopped.
//
// Settings (faults/setting.h): COE_FAULT_PROFILE_KILLS (5), COE_FAULT_SEED (1).
#include "coe/base/file.h"
#include "coe/base/rng.h"
#include "coe/corpus/reasoning.h"

#include "faults/process.h"
#include "faults/setting.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace coe::testing {
namespace {

using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

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

TEST_F(ProfileKillTest, KilledAnywhereAndResumedGivesTheSameBytes) {
  const auto start = Clock::now();
  const auto undisturbed = run_process(command());
  const Seconds whole = Clock::now() - start;
  ASSERT_TRUE(undisturbed.done()) << describe(undisturbed);
  const auto expected = take_results();

  const auto n_kill = fault_setting("COE_FAULT_PROFILE_KILLS", 5);
  Rng rng(fault_setting("COE_FAULT_SEED", 1));
  std::uint64_t n_killed = 0;
  std::uint64_t n_halfway = 0;  // killed with a state on disk to go on from
  std::uint64_t n_finished = 0;
  const auto compare = [&] {
    ++n_finished;
    EXPECT_TRUE(take_results() == expected) << "after " << n_killed << " kills";
  };
  while (n_killed < n_kill && !HasFailure()) {
    Process process(command({"--resume"}));
    std::this_thread::sleep_for(whole * rng.uniform());
    process.send(SIGKILL);
    const auto exit = process.wait();
    ASSERT_TRUE(exit.done() || exit.signal == SIGKILL) << describe(exit);
    if (exit.done()) {
      compare();
      continue;
    }
    ++n_killed;
    n_halfway += std::filesystem::exists(partial()) ? 1 : 0;
  }
  const auto last = run_process(command({"--resume"}));
  ASSERT_TRUE(last.done()) << describe(last);
  compare();
  fmt::print("{} kills, {} of them halfway; {} profiles finished, all the same\n", n_killed,
             n_halfway, n_finished);
  EXPECT_GT(n_halfway, 0U) << "no kill fell into the work";
}

// The main job over all its stages, with text for a pass, another router temperature and a choice
// of the score: the same command again goes on from where it was killed or interrupted.
TEST_F(ProfileKillTest, SpecializeKilledAnywhereAndRunAgainGivesTheSameBytes) {
  write(dir_ / "cot.jsonl", 2, 12);
  const std::vector<std::string> job = {COE_BINARY,
                                        "specialize",
                                        "-q",
                                        "-t",
                                        "1",
                                        "-m",
                                        COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf",
                                        "-f",
                                        text(),
                                        "-k",
                                        "64",
                                        "--cot",
                                        dir_ / "cot.jsonl",
                                        "--cot-skip",
                                        "3",
                                        "--t06",
                                        "--score",
                                        "auto",
                                        "--random",
                                        "1",
                                        "--checkpoint",
                                        "0.001",
                                        "-o",
                                        dir_ / "s.gguf"};
  const auto take = [&] {
    std::string all;
    for (const char* name : {"s.profile.gguf", "s.cot.profile.gguf", "s.cot-t06.profile.gguf",
                             "s.choice.json", "s.mask.json", "s.gguf", "s.eval.json"}) {
      all += value_of(read_text(dir_ / name));
      std::filesystem::remove(dir_ / name);
    }
    for (const char* name : {"s", "s.cot", "s.cot-t06"})
      EXPECT_FALSE(std::filesystem::exists(dir_ / fmt::format("{}.profile.gguf.partial", name)));
    return all;
  };
  const auto begun = [&] {
    return std::filesystem::exists(dir_ / "s.profile.gguf") ||
           std::filesystem::exists(dir_ / "s.profile.gguf.partial");
  };
  const auto start = Clock::now();
  ASSERT_TRUE(run_process(job).done());
  const Seconds whole = Clock::now() - start;
  const auto expected = take();
  const auto n_kill = fault_setting("COE_FAULT_PROFILE_KILLS", 5);
  Rng rng(fault_setting("COE_FAULT_SEED", 1));
  std::uint64_t n_halfway = 0;
  for (std::uint64_t n_killed = 0; n_killed < n_kill && !HasFailure();) {
    Process process(job);
    std::this_thread::sleep_for(whole * rng.uniform());
    const int signal = n_killed % 2 == 0 ? SIGKILL : SIGINT;
    process.send(signal);
    const auto exit = process.wait();
    // Before it is set up, an interrupt ends the process as any does.
    ASSERT_TRUE(exit.done() || exit.signal == signal || exit.code == 130) << describe(exit);
    n_killed += exit.done() ? 0 : 1;
    n_halfway += !exit.done() && begun() ? 1 : 0;
    if (exit.done()) {
      EXPECT_TRUE(take() == expected) << "after " << n_killed << " kills";
    }
  }
  const auto last = run_process(job);
  ASSERT_TRUE(last.done()) << describe(last);
  EXPECT_TRUE(take() == expected);
  fmt::print("{} kills, {} of them with something done\n", n_kill, n_halfway);
  EXPECT_GT(n_halfway, 0U) << "no kill fell into the work";
}

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
