// Runs a program and says how long it took and how much memory it had at most.
#pragma once

#include "coe/base/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct MeasuredRun {
  double seconds = 0.0;              // from before the start to after the wait
  std::uint64_t max_rss_bytes = 0;   // with pages of mapped files
  std::uint64_t max_anon_bytes = 0;  // sampled every 5 ms: what the program allocated
  int exit_code = 0;                 // 128 + signal when killed
};

// `command`: path and arguments. It has no input, its output goes to /dev/null, its errors to ours,
// and the terminal's signals reach it. Errors: kNotFound, kIo.
Result<MeasuredRun> run_measured(const std::vector<std::string>& command);

}  // namespace coe
