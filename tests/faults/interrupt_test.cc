// Ctrl-C and file size limits: the right exit code, and nothing left.
#include "faults/fault_fixture.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <optional>

namespace coe::testing {
namespace {

using ::testing::HasSubstr;

class InterruptTest : public FaultTest {};

TEST_F(InterruptTest, CtrlCStopsAndLeavesNothing) {
  const Path output = folder() / "child.gguf";
  int n_stopped = 0;
  for (const int signal : {SIGINT, SIGTERM}) {
    for (const double share : {0.0, 0.25, 0.5}) {
      const auto when = fmt::format("signal {} at {}", signal, share);
      const auto n_bytes = static_cast<std::uint64_t>(share * static_cast<double>(child_bytes()));
      std::optional<Process> process;
      bool stopped = false;
      // On a starved machine it may be done before we look.
      for (int attempt = 0; attempt < 10 && !stopped; ++attempt) {
        std::filesystem::remove(output);
        process.emplace(prune_command(output));
        stopped = process->stop_at(temporary_of(output), n_bytes);
        if (!stopped) process->wait();
      }
      ASSERT_TRUE(stopped) << when;
      process->send(signal);
      process->resume();
      const auto exit = process->wait();
      EXPECT_EQ(exit.code, 130) << when << ": " << describe(exit);
      expect_nothing(output, when);
      ++n_stopped;
    }
  }
  EXPECT_EQ(n_stopped, 6);
  expect_recovers(output, "after interrupts");
}

TEST_F(InterruptTest, CtrlCKeepsTheOldChildWithForce) {
  const Path output = folder() / "forced.gguf";
  ASSERT_TRUE(prune(output, 0).done());
  Process process(prune_command(output, 1, true));
  ASSERT_TRUE(process.stop_at(temporary_of(output), 1));
  process.send(SIGINT);
  process.resume();
  EXPECT_EQ(process.wait().code, 130);
  EXPECT_TRUE(verifies(output, 0));
  EXPECT_FALSE(std::filesystem::exists(temporary_of(output)));
}

TEST_F(InterruptTest, AFileSizeLimitIsAnErrorAndLeavesNothing) {
  const Path output = folder() / "limited.gguf";
  constexpr std::uint64_t kLimits = 8;
  for (std::uint64_t i = 0; i < kLimits; ++i) {
    const std::uint64_t limit = child_bytes() * i / kLimits + (i == kLimits - 1 ? 0 : 1);
    const auto when = fmt::format("limit {}", limit);
    const auto exit = Process(prune_command(output), limit).wait();
    EXPECT_EQ(exit.code, 1) << when << ": " << describe(exit);
    EXPECT_THAT(exit.errors, HasSubstr("File too large")) << when;
    EXPECT_THAT(exit.errors, HasSubstr("limited.gguf")) << when;
    expect_nothing(output, when);
  }
  const auto exit = Process(prune_command(output), child_bytes()).wait();
  EXPECT_TRUE(exit.done()) << describe(exit);
  EXPECT_TRUE(verifies(output, 0));
}

}  // namespace
}  // namespace coe::testing
