// A program that runs beside us, with pipes to it.
#pragma once

#include "coe/base/result.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace coe {

// Whose signals a child gets: those of a group that it leads, or those of our terminal as we do.
enum class ProcessGroup : std::uint8_t { kOwn, kOurs };

struct ChildUsage {
  int exit_code = 0;                     // 128 + signal when killed
  std::uint64_t max_resident_bytes = 0;  // with pages of mapped files
};

// What threads had of the processors, in seconds over all of them.
struct ProcessorTime {
  double ran = 0.0;
  double waited = 0.0;  // for a processor, ready to run
};

class ChildProcess {
 public:
  // `command`: path and arguments. `files`: which of our descriptors it gets under which numbers;
  // its standard input, output and errors are /dev/null where they are not among them. Errors:
  // kNotFound, kIo.
  static Result<ChildProcess> start(const std::vector<std::string>& command,
                                    const std::map<int, int>& files,
                                    ProcessGroup group = ProcessGroup::kOwn);
  ChildProcess(ChildProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), group_(other.group_), ended_(other.ended_) {}
  ChildProcess& operator=(ChildProcess&&) = delete;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() { kill(); }

  // Memory of its own that it and all below it have, in bytes: resident, but not of files or
  // shared.
  std::uint64_t memory() const;
  // By thread, of all that it and all below it have now. Empty where the system does not tell.
  std::map<pid_t, ProcessorTime> processor_times() const;
  pid_t pid() const { return pid_; }
  // Exit code, or 128 + signal; nothing while it runs.
  std::optional<int> ended();
  // Returns when it has ended. To be called once, while ended() says nothing.
  ChildUsage wait();
  // Kills it, and all of the group that it leads, at once; returns when it is gone.
  void kill();

 private:
  ChildProcess(pid_t pid, ProcessGroup group) : pid_(pid), group_(group) {}
  std::set<pid_t> tree() const;  // it and all below it

  pid_t pid_;
  ProcessGroup group_;
  std::optional<int> ended_;
};

// Adds up what a process and all below it had of the processors. What a thread had that has ended
// since is in the sum as it was when last looked at.
class ProcessorMeter {
 public:
  // The sum up to now.
  ProcessorTime look(const ChildProcess& child);

 private:
  std::map<pid_t, ProcessorTime> last_;  // by thread
  ProcessorTime sum_;
};

struct ProgramLimits {
  std::chrono::milliseconds time{20'000};
  std::uint64_t memory = std::uint64_t{2} << 30;
  std::size_t output = std::size_t{16} << 20;
  ProcessorTime* spent = nullptr;  // past a limit: what the program had of the processors
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
