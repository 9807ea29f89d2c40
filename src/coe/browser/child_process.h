// A program that runs beside us, with pipes to it.
#pragma once

#include "coe/base/result.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace coe {

class ChildProcess {
 public:
  // `command`: path and arguments. `files`: which of our descriptors it gets under which numbers;
  // its standard input, output and errors are /dev/null where they are not among them. It leads a
  // process group. Errors: kNotFound, kIo.
  static Result<ChildProcess> start(const std::vector<std::string>& command,
                                    const std::map<int, int>& files);
  ChildProcess(ChildProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), ended_(other.ended_) {}
  ChildProcess& operator=(ChildProcess&&) = delete;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() { kill(); }

  // Memory of its own that it and all below it have, in bytes: resident, but not of files or
  // shared.
  std::uint64_t memory() const;
  // Exit code, or 128 + signal; nothing while it runs.
  std::optional<int> ended();
  // It and its group, at once; returns when it is gone.
  void kill();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_;
  std::optional<int> ended_;
};

struct ProgramLimits {
  std::chrono::milliseconds time{20'000};
  std::uint64_t memory = std::uint64_t{2} << 30;
  std::size_t output = std::size_t{16} << 20;
};

struct ProgramRun {
  int exit_code = 0;
  std::string output;
  std::string errors;
};

// Runs to the end, with `input` on its standard input. Errors: kNotFound; kIo; kCheckFailed past a
// limit.
Result<ProgramRun> run_program(const std::vector<std::string>& command, std::string_view input,
                               const ProgramLimits& limits);

}  // namespace coe
