#include "coe/base/process/crash_guard.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace coe {
namespace {

constexpr int kOwn = 70;
constexpr int kScoped = 4;

// Grows until there is no stack left; the sum keeps the compiler from making a loop of it.
int deep(volatile const char* above, int n) {
  if (n < 0) return 0;  // never, as far as a stack reaches
  volatile char here[4096] = {};
  here[0] = static_cast<char>(above[0] + n);
  return deep(here, n + 1) + here[0];
}

void crash(bool scoped, const auto& how) {
  guard_crashes(kOwn, kScoped);
  if (!scoped) return how();
  const CrashScope outer("another", "no");
  const CrashScope scope("m.gguf: the engine stopped", "look at the file");
  how();
}

TEST(CrashGuardDeathTest, SaysWhatALibraryAbortedFor) {
  const auto abort = [] {
    note_crash("GGML_ASSERT(n > 0) failed");
    note_crash("and later something else");
    std::abort();
  };
  EXPECT_EXIT(
      crash(true, abort), ::testing::ExitedWithCode(kScoped),
      "error: m.gguf: the engine stopped: GGML_ASSERT.n > 0. failed\nhint: look at the file");
  EXPECT_EXIT(crash(false, abort), ::testing::ExitedWithCode(kOwn),
              "error: internal: GGML_ASSERT.n > 0. failed\nhint: this is a bug in coe");
}

TEST(CrashGuardDeathTest, HasWordsForSignals) {
  EXPECT_EXIT(crash(true, [] { std::abort(); }), ::testing::ExitedWithCode(kScoped),
              "stopped: it aborted");
  EXPECT_EXIT(crash(true, [] { std::raise(SIGSEGV); }), ::testing::ExitedWithCode(kScoped),
              "stopped: a segmentation fault");
  EXPECT_EXIT(crash(true, [] { std::raise(SIGFPE); }), ::testing::ExitedWithCode(kScoped),
              "stopped: an arithmetic fault");
}

TEST(CrashGuardDeathTest, HasAStackLeftWhereThereIsNone) {
  EXPECT_EXIT(crash(true,
                    [] {
                      const char start = 0;
                      std::exit(deep(&start, 0));
                    }),
              ::testing::ExitedWithCode(kScoped), "or no stack left");
}

TEST(CrashGuardDeathTest, SaysWhatAnExceptionOfAThreadSaid) {
  EXPECT_EXIT(
      crash(true, [] { std::thread([] { throw std::runtime_error("no such tensor"); }).join(); }),
      ::testing::ExitedWithCode(kScoped), "stopped: no such tensor");
}

TEST(CrashGuardDeathTest, EndsWhatDoesNotEnd) {
  using std::chrono::milliseconds;
  EXPECT_EXIT(crash(true,
                    [] {
                      const CrashDeadline deadline(milliseconds(20), "it does not come to an end");
                      std::this_thread::sleep_for(std::chrono::seconds(60));
                    }),
              ::testing::ExitedWithCode(kScoped), "stopped: it does not come to an end");
  {
    const CrashDeadline in_time(std::chrono::seconds(60), "no");
  }
}

TEST(CrashGuardDeathTest, AScopeEnds) {
  const auto after = [] {
    {
      const CrashScope scope("m.gguf", "no");
    }
    std::abort();
  };
  EXPECT_EXIT(crash(false, after), ::testing::ExitedWithCode(kOwn), "error: internal: it aborted");
}

}  // namespace
}  // namespace coe
