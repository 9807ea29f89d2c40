#include "coe/base/jobs.h"

#include "coe/base/observer.h"
#include "coe/base/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr auto kReportEvery = std::chrono::milliseconds(50);

class Crew {
 public:
  Crew(const JobPlan& plan, const std::function<Worker()>& make_worker)
      : plan_(plan), make_worker_(make_worker) {}

  void work() {
    const Worker worker = make_worker_();
    while (!stop_) {
      const std::size_t job = next_++;
      if (job >= plan_.n_job) break;
      auto done = worker(job);
      if (done)
        done_ += *done;
      else
        fail_with(job, std::move(done).error());
    }
    const std::lock_guard lock(mutex_);
    ++n_finished_;
    changed_.notify_all();
  }

  // From the calling thread, until `n_worker` calls of work() have returned.
  Status watch(std::size_t n_worker, Observer& observer) {
    bool cancelled = false;
    while (true) {
      observer.progress(plan_.stage, done_, plan_.total, plan_.unit);
      if (observer.cancelled()) stop_ = cancelled = true;
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, kReportEvery, [&] { return n_finished_ == n_worker; })) break;
    }
    if (cancelled) return fail(Code::kCancelled, std::string(plan_.stage));
    if (error_) return tl::unexpected<Error>(*std::move(error_));
    observer.progress(plan_.stage, done_, plan_.total, plan_.unit);
    return {};
  }

 private:
  void fail_with(std::size_t job, Error error) {
    const std::lock_guard lock(mutex_);
    if (!error_ || job < failed_job_) {
      error_ = std::move(error);
      failed_job_ = job;
    }
    stop_ = true;
  }

  const JobPlan& plan_;
  const std::function<Worker()>& make_worker_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::size_t n_finished_ = 0;
  std::optional<Error> error_;
  std::size_t failed_job_ = 0;
};

}  // namespace

Status run_jobs(const JobPlan& plan, const std::function<Worker()>& make_worker,
                Observer& observer) {
  Crew crew(plan, make_worker);
  const std::size_t n_core =
      plan.n_thread > 0 ? plan.n_thread : std::thread::hardware_concurrency();
  const std::size_t n_wanted =
      std::clamp<std::size_t>(n_core, 1, std::max<std::size_t>(plan.n_job, 1));
  std::vector<std::thread> threads;
  threads.reserve(n_wanted);
  try {
    while (threads.size() < n_wanted) threads.emplace_back([&crew] { crew.work(); });
  } catch (const std::system_error& e) {
    observer.warning(fmt::format("{} runs on {} threads: {}", plan.stage,
                                 std::max<std::size_t>(threads.size(), 1), e.what()));
  }
  if (threads.empty()) crew.work();
  auto status = crew.watch(std::max<std::size_t>(1, threads.size()), observer);
  for (auto& thread : threads) thread.join();
  return status;
}

void for_each_at_once(std::size_t n, unsigned n_thread,
                      const std::function<void(std::size_t)>& work) {
  if (n <= 1 || n_thread == 1) {
    for (std::size_t i = 0; i < n; ++i) work(i);
    return;
  }
  const auto worker = [&](std::size_t job) -> Result<std::uint64_t> {
    work(job);
    return 1;
  };
  const JobPlan plan{.n_job = n, .stage = {}, .total = n, .unit = {}, .n_thread = n_thread};
  COE_CHECK(run_jobs(plan, [&] { return Worker(worker); }, silent_observer()).has_value());
}

}  // namespace coe
