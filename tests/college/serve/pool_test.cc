#include "coe/college/serve/pool.h"

#include "coe/base/file.h"
#include "coe/college/serve/relay.h"

#include "college/serve/fake_pool.h"
#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace coe {
namespace {

using testing::expect_error;
using testing::fake_pool;
using testing::FakeModel;
using ::testing::HasSubstr;
using testing::quick_options;
using testing::value_of;

bool nobody_left() { return false; }

bool becomes(const std::function<bool()>& condition, double seconds = 10.0) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

bool is_gone(pid_t pid) { return ::kill(pid, 0) != 0; }

Result<std::string> health(const Lease& lease) {
  return fetch({.socket = lease.socket(), .url = "http://model/health", .key = {}}, 5.0);
}

TEST(Pool, StartsAModelWhenItIsAskedForAndKeepsIt) {
  const auto pool = fake_pool({{.name = "web"}});
  EXPECT_EQ(pool->status()[0].state, ModelState::kStopped);
  pid_t first = -1;
  {
    const auto lease = value_of(pool->acquire(0, nobody_left));
    EXPECT_THAT(value_of(health(lease)), HasSubstr("ok"));
    const auto status = pool->status()[0];
    EXPECT_EQ(status.state, ModelState::kReady);
    EXPECT_EQ(status.n_request, 1U);
    first = status.pid;
  }
  const auto lease = value_of(pool->acquire(0, nobody_left));
  EXPECT_EQ(pool->status()[0].pid, first);
}

TEST(Pool, MakesRoomByTheModelThatWasUsedLongestAgo) {
  const auto pool = fake_pool(
      {{.name = "a", .memory = 4}, {.name = "b", .memory = 4}, {.name = "c", .memory = 4}}, 8);
  for (const std::size_t model : {0U, 1U, 0U}) (void)value_of(pool->acquire(model, nobody_left));
  const auto pid_b = pool->status()[1].pid;
  const auto lease = value_of(pool->acquire(2, nobody_left));
  const auto status = pool->status();
  EXPECT_EQ(status[0].state, ModelState::kReady);
  EXPECT_EQ(status[1].state, ModelState::kStopped);
  EXPECT_EQ(status[2].state, ModelState::kReady);
  EXPECT_TRUE(is_gone(pid_b));
}

TEST(Pool, DoesNotStopAModelThatAnswers) {
  const auto pool = fake_pool({{.name = "a", .memory = 5}, {.name = "b", .memory = 5}}, 8);
  std::optional<Lease> lease;
  lease.emplace(value_of(pool->acquire(0, nobody_left)));
  std::atomic<bool> other_ready = false;
  std::thread other([&] {
    (void)value_of(pool->acquire(1, nobody_left));
    other_ready = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_FALSE(other_ready);
  EXPECT_THAT(value_of(health(*lease)), HasSubstr("ok"));
  lease.reset();
  other.join();
  EXPECT_TRUE(other_ready);
}

TEST(Pool, AModelThatNeedsMoreThanThereIsRunsAlone) {
  const auto pool = fake_pool({{.name = "huge", .memory = 100}, {.name = "small", .memory = 1}}, 8);
  (void)value_of(pool->acquire(1, nobody_left));
  const auto lease = value_of(pool->acquire(0, nobody_left));
  EXPECT_EQ(pool->status()[1].state, ModelState::kStopped);
}

TEST(Pool, StartsAModelThatWasKilledAgain) {
  const auto pool = fake_pool({{.name = "web"}});
  std::optional<Lease> lease;
  lease.emplace(value_of(pool->acquire(0, nobody_left)));
  const auto pid = pool->status()[0].pid;
  ::kill(pid, SIGKILL);
  // Nobody asks: it was used a moment ago, so it comes back by itself.
  EXPECT_TRUE(becomes([&] {
    const auto status = pool->status()[0];
    return status.state == ModelState::kReady && status.pid != pid;
  }));
  lease.reset();  // of the one that is gone
  EXPECT_EQ(pool->status()[0].n_request, 0U);
  const auto again = value_of(pool->acquire(0, nobody_left));
  EXPECT_THAT(value_of(health(again)), HasSubstr("ok"));
}

TEST(Pool, SaysTheLastWordsOfOneThatDiesAtStart) {
  const auto pool =
      fake_pool({{.name = "web", .memory = 1, .arguments = {"--die", "no room on device"}}});
  expect_error(pool->acquire(0, nobody_left), Code::kEngine,
               "web: its server ended with code 3: error: no room on device");
  // A second one is told at once or after the next attempt, not never.
  expect_error(pool->acquire(0, nobody_left), Code::kEngine, "no room on device");
  EXPECT_GE(pool->status()[0].n_failure, 1U);
}

TEST(Pool, EndsAServerThatHangs) {
  const auto pool = fake_pool({{.name = "web"}});
  (void)value_of(pool->acquire(0, nobody_left));
  const auto pid = pool->status()[0].pid;
  ::kill(pid, SIGSTOP);
  EXPECT_TRUE(becomes([&] { return is_gone(pid); }));
  const auto lease = value_of(pool->acquire(0, nobody_left));
  EXPECT_NE(pool->status()[0].pid, pid);
  EXPECT_THAT(value_of(health(lease)), HasSubstr("ok"));
}

TEST(Pool, EndsAServerThatHangsUnderSuspicion) {
  const auto pool = fake_pool({{.name = "web"}});
  const auto lease = value_of(pool->acquire(0, nobody_left));
  const auto pid = pool->status()[0].pid;
  ::kill(pid, SIGSTOP);
  pool->suspect(lease);
  EXPECT_TRUE(becomes([&] { return is_gone(pid); }));
}

TEST(Pool, SuspicionOfAHealthyServerChangesNothing) {
  const auto pool = fake_pool({{.name = "web"}});
  const auto lease = value_of(pool->acquire(0, nobody_left));
  const auto pid = pool->status()[0].pid;
  pool->suspect(lease);
  (void)value_of(pool->acquire(0, nobody_left));
  EXPECT_EQ(pool->status()[0].pid, pid);
}

TEST(Pool, WaitsForNobodyWhoHasGone) {
  const auto pool = fake_pool({{.name = "web", .memory = 1, .arguments = {"--delay", "60"}}});
  expect_error(pool->acquire(0, [] { return true; }), Code::kCancelled, "gone");
}

TEST(Pool, GivesUpAfterStartSeconds) {
  const std::vector<FakeModel> models = {
      {.name = "web", .memory = 1, .arguments = {"--delay", "60"}}};
  auto options = quick_options(models);
  options.start_seconds = 0.3;
  const auto pool = fake_pool(models, std::move(options));
  expect_error(pool->acquire(0, nobody_left), Code::kEngine, "did not serve within 0.3 s");
}

TEST(Pool, PreparesAFileOnceAndSaysWhyItCannot) {
  std::atomic<int> n_call = 0;
  std::vector<PoolModel> models(1);
  models[0].name = "cut";
  models[0].file = [&](Observer& /*observer*/) -> Result<Path> {
    if (++n_call == 1) return fail(Code::kMismatch, "mask.json: it is of another model");
    return Path("cut.gguf");
  };
  const auto pool = value_of(Pool::create(std::move(models), quick_options({{.name = "cut"}})));
  expect_error(pool->acquire(0, nobody_left), Code::kEngine, "mask.json: it is of another model");
  EXPECT_TRUE(becomes([&] { return pool->acquire(0, nobody_left).has_value(); }));
  (void)value_of(pool->acquire(0, nobody_left));
  EXPECT_EQ(n_call, 2);
}

TEST(Pool, StopEndsWaitersProcessesAndTheFolder) {
  const auto pool =
      fake_pool({{.name = "a"}, {.name = "slow", .memory = 1, .arguments = {"--delay", "60"}}});
  const auto lease = value_of(pool->acquire(0, nobody_left));
  const auto pid = pool->status()[0].pid;
  const auto folder = lease.socket().parent_path();
  EXPECT_EQ(std::filesystem::status(folder).permissions(), std::filesystem::perms::owner_all);
  auto waiter = std::async(std::launch::async, [&] { return pool->acquire(1, nobody_left); });
  EXPECT_TRUE(becomes([&] { return pool->status()[1].pid > 0; }));
  const auto slow = pool->status()[1].pid;
  pool->stop();
  expect_error(waiter.get(), Code::kCancelled, "stops");
  EXPECT_TRUE(is_gone(pid));
  EXPECT_TRUE(is_gone(slow));
  expect_error(pool->acquire(0, nobody_left), Code::kCancelled, "stops");
}

TEST(Pool, RemovesTheFoldersOfProcessesThatWereKilled) {
  const auto where = std::filesystem::temp_directory_path();
  const auto orphan = where / "coe-serve-orphan";
  std::filesystem::create_directories(orphan);
  testing::expect_ok(write_file(orphan / "lock", "", Overwrite::kAllow));
  const auto held = fake_pool({{.name = "web"}});
  const auto folder = value_of(held->acquire(0, nobody_left)).socket().parent_path();
  const auto pool = fake_pool({{.name = "web"}});
  EXPECT_FALSE(std::filesystem::exists(orphan));
  EXPECT_TRUE(std::filesystem::exists(folder)) << "its owner lives";
}

TEST(Pool, APreparationIsToldToGiveUp) {
  std::vector<PoolModel> models(1);
  models[0].name = "cut";
  models[0].file = [](Observer& observer) -> Result<Path> {
    while (!observer.cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return fail(Code::kCancelled, "interrupted");
  };
  const auto pool = value_of(Pool::create(std::move(models), quick_options({{.name = "cut"}})));
  auto waiter = std::async(std::launch::async, [&] { return pool->acquire(0, nobody_left); });
  EXPECT_TRUE(becomes([&] { return pool->status()[0].state == ModelState::kPreparing; }));
  pool->stop();
  EXPECT_FALSE(waiter.get().has_value());
}

}  // namespace
}  // namespace coe
