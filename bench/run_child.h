// Runs a program and says how long it took and how much memory it had at most.
#pragma once

#include "coe/base/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coe::bench {

struct ChildRun {
  double seconds = 0.0;              // from before the fork to after the wait
  std::uint64_t max_rss_bytes = 0;   // ru_maxrss: with pages of mapped files
  std::uint64_t max_anon_bytes = 0;  // RssAnon, sampled every 5 ms: what the program allocated
  int exit_code = 0;                 // 128 + signal when killed
};

// `command`: path and arguments. Its standard output goes to /dev/null, its errors to ours. Errors:
// kIo when it cannot be started.
Result<ChildRun> run_child(const std::vector<std::string>& command);

}  // namespace coe::bench
