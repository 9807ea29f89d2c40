// SIGKILL at random moments: what stands under the final name is whole, or not there.
#include "coe/base/rng.h"

#include "faults/fault_fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

namespace coe::testing {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

class KillTest : public FaultTest {
 protected:
  KillTest() : rng_(fault_setting("COE_FAULT_SEED", 1)) {}

  // How long an undisturbed cut takes: the middle one of three.
  static Seconds typical(bool force) {
    const Path output = folder() / "timed.gguf";
    std::vector<Seconds> times;
    for (int i = 0; i < 3; ++i) {
      if (!force) std::filesystem::remove(output);
      const auto start = Clock::now();
      const auto exit = prune(output, 0, true);
      times.emplace_back(Clock::now() - start);
      EXPECT_TRUE(exit.done()) << describe(exit);
    }
    std::filesystem::remove(output);
    std::ranges::sort(times);
    return times[1];
  }

  // Starts a cut and kills it: every other one at a byte of the copy, the rest at a moment within
  // `longest`. Chance alone seldom meets a copy that is short beside the start of a slow build.
  std::string kill_one(const Path& output, int which, bool force, Seconds longest) {
    const double share = rng_.uniform();
    const bool is_aimed = n_kill_++ % 2 == 0;
    Process process(prune_command(output, which, force));
    if (is_aimed)
      process.stop_at(temporary_of(output),
                      static_cast<std::uint64_t>(share * static_cast<double>(child_bytes())));
    else
      std::this_thread::sleep_for(longest * share);
    process.send(SIGKILL);
    const auto exit = process.wait();
    const bool done = exit.done();  // it was faster than usual
    n_done_ += done ? 1 : 0;
    n_partial_ += std::filesystem::exists(temporary_of(output)) ? 1 : 0;
    EXPECT_TRUE(done || exit.signal == SIGKILL) << describe(exit);
    return is_aimed ? fmt::format("killed at {:.4f} of {} bytes", share, child_bytes())
                    : fmt::format("killed after {:.4f} of {:.4f} s", share, longest.count());
  }

  // Kills that say nothing (all before the first byte or after the last) must not pass for a test.
  void report() {
    fmt::print("{} kills: {} during the copy, {} too late\n", n_kill_, n_partial_, n_done_);
    EXPECT_GT(n_partial_, 0U) << "no kill fell into the copy";
  }

  static std::uint64_t n_wanted() { return fault_setting("COE_FAULT_KILLS", 10); }

 private:
  Rng rng_;
  std::uint64_t n_kill_ = 0;
  std::uint64_t n_partial_ = 0;
  std::uint64_t n_done_ = 0;
};

TEST_F(KillTest, LeavesNothingOrAGoodChild) {
  const Path output = folder() / "child.gguf";
  const auto longest = typical(false);
  for (std::uint64_t i = 0; i < n_wanted() && !HasFailure(); ++i) {
    std::filesystem::remove(output);
    const auto when = kill_one(output, 0, false, longest);
    EXPECT_TRUE(!std::filesystem::exists(output) || verifies(output)) << when;
    expect_recovers(output, when);
  }
  report();
}

TEST_F(KillTest, LeavesTheOldChildOrTheNewOneWithForce) {
  const Path output = folder() / "forced.gguf";
  ASSERT_TRUE(prune(output, 0).done());
  const auto longest = typical(true);
  for (std::uint64_t i = 0; i < n_wanted() && !HasFailure(); ++i) {
    const auto when = kill_one(output, 1, true, longest);
    ASSERT_TRUE(std::filesystem::exists(output)) << when;
    EXPECT_TRUE(verifies(output, 0) || verifies(output, 1)) << when;
    expect_recovers(output, when);
  }
  report();
}

// The moment in which the output gets its name, which random kills seldom hit; then a second kill,
// of the cut that is to replace it.
TEST_F(KillTest, SparesAChildWhoseMakerDiedAsItAppeared) {
  const Path output = folder() / "appeared.gguf";
  const auto longest = typical(true);
  for (std::uint64_t i = 0; i < (n_wanted() + 1) / 2 && !HasFailure(); ++i) {
    std::filesystem::remove(output);
    {
      Process process(prune_command(output));
      while (!std::filesystem::exists(output)) continue;
      process.send(SIGKILL);
      process.wait();
    }
    EXPECT_TRUE(verifies(output, 0));
    const auto when = kill_one(output, 1, true, longest);
    EXPECT_TRUE(verifies(output, 0) || verifies(output, 1)) << when;
    expect_recovers(output, when);
  }
}

}  // namespace
}  // namespace coe::testing
