// One process of the engine's server, which serves one model on a Unix socket.
#pragma once

#include "coe/base/descriptor.h"
#include "coe/base/file.h"
#include "coe/base/process/child_process.h"
#include "coe/base/result.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coe {

class Worker {
 public:
  // `command` is a program and its arguments. Its standard input is a pipe that nobody writes to,
  // and that closes when this process ends, however it does: the program must then end, too.
  // Errors: those of ChildProcess::start.
  static Result<Worker> start(const std::vector<std::string>& command);
  Worker(Worker&&) noexcept;
  Worker& operator=(Worker&&) = delete;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  // Kills it.
  ~Worker();

  pid_t pid() const { return process_.pid(); }
  // Exit code, or 128 + signal; nothing while it runs.
  std::optional<int> ended() { return process_.ended(); }
  // Asks it to end.
  void terminate() const;
  void kill() { process_.kill(); }
  // Up to the last lines of its output that speak of an error, or else its last lines.
  std::string last_words() const;

 private:
  class Output;
  Worker(ChildProcess process, Descriptor lifeline, std::unique_ptr<Output> output);

  // In this order: the output is read until the process is gone.
  std::unique_ptr<Output> output_;
  Descriptor lifeline_;
  ChildProcess process_;
};

}  // namespace coe
