#include "coe/base/process/child_process.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace coe {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

TEST(RunProgram, GivesInputAndTakesBothOutputs) {
  const std::string large(300'000, 'x');
  const auto ran =
      coe::testing::value_of(run_program(shell("cat; echo problem >&2; exit 3"), large, {}));
  EXPECT_EQ(ran.output, large);
  EXPECT_EQ(ran.errors, "problem\n");
  EXPECT_EQ(ran.exit_code, 3);
}

TEST(RunProgram, AProgramThatReadsNothing) {
  std::signal(SIGPIPE, SIG_IGN);  // as the command line has it
  const std::string large(300'000, 'x');
  EXPECT_EQ(coe::testing::value_of(run_program(shell("exit 0"), large, {})).exit_code, 0);
}

// A loop wants a processor all the time, and has it or waits for it; one that sleeps wants none.
TEST(ChildProcess, SaysWhatItHadOfTheProcessors) {
  auto loop = coe::testing::value_of(ChildProcess::start(shell("while true; do :; done"), {}));
  auto idle = coe::testing::value_of(ChildProcess::start(shell("sleep 60"), {}));
  std::this_thread::sleep_for(500ms);
  const auto busy = ProcessorMeter().look(loop);
  if (busy.ran + busy.waited == 0.0) GTEST_SKIP() << "no schedstat here";
  EXPECT_GT(busy.ran + busy.waited, 0.3);
  EXPECT_LT(busy.ran, 5.0);
  const auto asleep = ProcessorMeter().look(idle);
  EXPECT_LT(asleep.ran, 0.3);
  ProcessorTime spent;
  coe::testing::expect_error(
      run_program(shell("while true; do :; done"), "", {.time = 500ms, .spent = &spent}),
      Code::kCheckFailed, "too long");
  EXPECT_GT(spent.ran + spent.waited, 0.2);
}

// What a loop had that has ended meanwhile stays in the sum; what is looked at twice counts once.
TEST(ProcessorMeter, KeepsWhatEndedProcessesHad) {
  const coe::testing::TempDir dir;
  const auto go_on = (dir / "go on").string();
  const auto done = dir / "done";
  const auto child = coe::testing::value_of(
      ChildProcess::start(shell("/bin/sh -c 'while [ ! -e \"" + go_on +
                                "\" ]; do :; done'; touch '" + done.string() + "'; sleep 60"),
                          {}));
  ProcessorMeter meter;
  const auto worked = [](const ProcessorTime& time) { return time.ran + time.waited; };
  double first = 0.0;
  for (int i = 0; i < 200 && first <= 0.2; ++i) {
    std::this_thread::sleep_for(20ms);
    first = worked(meter.look(child));
  }
  if (first == 0.0) GTEST_SKIP() << "no schedstat here";
  EXPECT_GT(first, 0.2);
  std::ofstream(go_on) << "now";
  while (!std::filesystem::exists(done)) std::this_thread::sleep_for(10ms);
  EXPECT_LT(worked(ProcessorMeter().look(child)), first);
  EXPECT_GE(worked(meter.look(child)), first);
  EXPECT_LT(worked(meter.look(child)), first + 0.3);
}

TEST(RunProgram, EndsAtItsLimits) {
  const auto start = std::chrono::steady_clock::now();
  coe::testing::expect_error(run_program(shell("sleep 60"), "", {.time = 300ms}),
                             Code::kCheckFailed, "too long");
  coe::testing::expect_error(run_program(shell("yes"), "", {.output = std::size_t{1} << 20}),
                             Code::kCheckFailed, "too much");
  coe::testing::expect_error(run_program(shell("x=xxxxxxxxxxxxxxxx; while true; do x=$x$x; done"),
                                         "", {.memory = std::uint64_t{64} << 20}),
                             Code::kCheckFailed, "memory");
  EXPECT_LT(std::chrono::steady_clock::now() - start, 30s);
  coe::testing::expect_error(run_program({"/no/such/program"}, "", {}), Code::kNotFound,
                             "/no/such");
}

// What a shell has started dies with it.
TEST(ChildProcess, IsKilledWithItsGroup) {
  const coe::testing::TempDir dir;
  const std::string mark = (dir / "mark").string();
  {
    const auto child = coe::testing::value_of(
        ChildProcess::start(shell("(sleep 1; touch " + mark + ") & sleep 60"), {}));
    std::this_thread::sleep_for(200ms);
    EXPECT_GT(child.memory(), 0U);
  }
  std::this_thread::sleep_for(1300ms);
  EXPECT_FALSE(std::ifstream(mark).good());
}

TEST(ChildProcess, IsWaitedFor) {
  auto child = coe::testing::value_of(ChildProcess::start(shell("exit 7"), {}));
  EXPECT_GT(child.pid(), 0);
  const auto usage = child.wait();
  EXPECT_EQ(usage.exit_code, 7);
  EXPECT_GT(usage.max_resident_bytes, 0U);
  EXPECT_EQ(child.ended(), 7);
}

// Without a group of its own it is in ours, and is killed alone.
TEST(ChildProcess, MayStayInOurGroup) {
  for (const auto group : {ProcessGroup::kOwn, ProcessGroup::kOurs}) {
    auto child = coe::testing::value_of(ChildProcess::start({"/bin/sleep", "60"}, {}, group));
    EXPECT_EQ(::getpgid(child.pid()),
              group == ProcessGroup::kOwn ? child.pid() : ::getpgid(::getpid()));
    child.kill();
    EXPECT_EQ(child.memory(), 0U);
  }
}

}  // namespace
}  // namespace coe
