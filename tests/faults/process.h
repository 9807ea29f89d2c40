// A child process that a test can stop, signal and limit.
#pragma once

#include "coe/base/file.h"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace coe::testing {

struct Exit {
  std::optional<int> code;    // empty when a signal ended it
  std::optional<int> signal;  // the signal that did
  std::string errors;         // what it wrote to standard error

  bool done() const { return code == 0; }
};
std::string describe(const Exit& exit);

class Process {
 public:
  // Starts it; throws when that fails. `max_file_bytes` limits what it may write into one file.
  explicit Process(std::vector<std::string> command,
                   std::optional<std::uint64_t> max_file_bytes = std::nullopt);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();  // kills it if it still runs

  pid_t pid() const { return pid_; }  // until wait()
  void send(int signal) const { ::kill(pid_, signal); }
  // Stops it (SIGSTOP) as soon as `file` has `n_bytes`; false when it ended before.
  bool stop_at(const Path& file, std::uint64_t n_bytes);
  void resume() const { send(SIGCONT); }
  Exit wait();

 private:
  pid_t pid_ = -1;
  int errors_ = -1;  // end of a pipe that takes standard error: a few lines fit
};

// Starts, waits.
Exit run_process(std::vector<std::string> command);

}  // namespace coe::testing
