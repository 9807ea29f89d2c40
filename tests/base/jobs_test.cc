#include "coe/base/jobs.h"

#include "coe/base/observer.h"
#include "coe/base/result.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;

class Watcher : public Observer {
 public:
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total,
                std::string_view unit) override {
    EXPECT_EQ(stage, "count");
    EXPECT_EQ(unit, "things");
    EXPECT_EQ(total, 300U);
    EXPECT_GE(done, last);
    last = done;
  }
  bool cancelled() override { return stop; }
  std::uint64_t last = 0;
  bool stop = false;
};

TEST(Jobs, EachIsDoneOnceByAnyNumberOfThreads) {
  for (const unsigned n_thread : {0U, 1U, 2U, 9U, 200U}) {
    std::vector<std::atomic<int>> done(100);
    std::atomic<unsigned> n_worker = 0;
    Watcher watcher;
    expect_ok(run_jobs(
        {done.size(), "count", 300, "things", n_thread},
        [&]() -> Worker {
          ++n_worker;
          return [&](std::size_t job) -> Result<std::uint64_t> {
            ++done[job];
            return 3;
          };
        },
        watcher));
    for (const auto& n : done) EXPECT_EQ(n, 1);
    EXPECT_EQ(watcher.last, 300U);
    EXPECT_GE(n_worker, 1U);
    EXPECT_LE(n_worker, 100U);
    if (n_thread == 9) {
      EXPECT_EQ(n_worker, 9U);
    }
  }
}

TEST(Jobs, NoneIsFine) {
  expect_ok(run_jobs(
      {0, "count", 300, "things"},
      [] { return [](std::size_t) -> Result<std::uint64_t> { return 1; }; }, silent_observer()));
}

TEST(Jobs, TheFirstErrorInTheirOrderStopsTheRest) {
  std::atomic<std::size_t> n_done = 0;
  const auto status = run_jobs(
      {1000000, "count", 300, "things", 1},
      [&] {
        return [&](std::size_t job) -> Result<std::uint64_t> {
          if (job == 7) return fail(Code::kIo, "job 7");
          ++n_done;
          return 1;
        };
      },
      silent_observer());
  expect_error(status, Code::kIo, "job 7");
  EXPECT_EQ(n_done, 7U);
}

TEST(Jobs, AllFailingGivesTheLowest) {
  std::atomic<int> n_waiting = 0;
  const auto status = run_jobs(
      {4, "count", 300, "things", 4},
      [&] {
        return [&](std::size_t job) -> Result<std::uint64_t> {
          // All have begun before one fails.
          ++n_waiting;
          while (n_waiting < 4) {
          }
          return fail(Code::kIo, "job " + std::to_string(job));
        };
      },
      silent_observer());
  expect_error(status, Code::kIo, "job 0");
}

TEST(Jobs, StopWhenTheObserverSaysSo) {
  Watcher watcher;
  watcher.stop = true;
  std::atomic<std::size_t> n_done = 0;
  const auto status = run_jobs(
      {std::size_t{1} << 40, "count", 300, "things", 2},
      [&] {
        return [&](std::size_t) -> Result<std::uint64_t> {
          ++n_done;
          return 0;
        };
      },
      watcher);
  expect_error(status, Code::kCancelled, "count");
  EXPECT_LT(n_done, std::size_t{1} << 40);
}

TEST(Jobs, ShortOnesAreDoneOnceByAnyNumberOfThreads) {
  for (const unsigned n_thread : {0U, 1U, 2U, 9U, 200U}) {
    for (const std::size_t n : {0U, 1U, 100U}) {
      std::vector<std::atomic<int>> done(n);
      for_each_at_once(n, n_thread, [&](std::size_t i) { ++done[i]; });
      for (const auto& times : done) EXPECT_EQ(times, 1);
    }
  }
}

}  // namespace
}  // namespace coe
