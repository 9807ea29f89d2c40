// Independent pieces of work run on all cores: long ones with progress and cancellation from the
// calling thread, short ones without.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace coe {

struct JobPlan {
  std::size_t n_job = 0;
  std::string_view stage;  // of Observer::progress, with `total` in `unit`s
  std::uint64_t total = 0;
  std::string_view unit;
  unsigned n_thread = 0;  // 0: all cores
};

// Does one job and says how many units that were. Lives in one thread, so it may own buffers.
using Worker = std::function<Result<std::uint64_t>(std::size_t job)>;

// Each thread gets a worker from `make_worker` (called in that thread) and is handed jobs in
// ascending order until there are none. What the jobs write must not depend on who does them; then
// nothing depends on the number of threads. Where the system grants fewer threads, those do all the
// work, with a warning. Errors: that of the first job, in their order, among those that failed
// before the others could stop; kCancelled, with the stage as its message, when the observer says
// so.
Status run_jobs(const JobPlan& plan, const std::function<Worker()>& make_worker,
                Observer& observer);

// Calls work(0), …, work(n - 1) once each, on at most `n_thread` threads (0: all cores) as
// run_jobs() does, and returns after the last; on the calling one where that is all. Calls must not
// throw, nor depend on each other.
void for_each_at_once(std::size_t n, unsigned n_thread,
                      const std::function<void(std::size_t)>& work);

}  // namespace coe
