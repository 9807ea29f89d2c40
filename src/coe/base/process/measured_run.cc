#include "coe/base/process/measured_run.h"

#include "coe/base/machine.h"
#include "coe/base/process/child_process.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <unistd.h>

namespace coe {

Result<MeasuredRun> run_measured(const std::vector<std::string>& command) {
  using Clock = std::chrono::steady_clock;
  MeasuredRun run;
  const auto start = Clock::now();
  COE_TRY(auto child,
          ChildProcess::start(command, {{STDERR_FILENO, STDERR_FILENO}}, ProcessGroup::kOurs));
  std::atomic<bool> ended{false};
  std::thread sampler([&, pid = child.pid()] {
    while (!ended.load()) {
      run.max_anon_bytes = std::max(run.max_anon_bytes, anonymous_bytes(pid));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  const auto usage = child.wait();
  run.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  ended = true;
  sampler.join();
  run.max_rss_bytes = usage.max_resident_bytes;
  run.exit_code = usage.exit_code;
  return run;
}

}  // namespace coe
