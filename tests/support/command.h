// Runs a shell command and keeps what it said: for tests of the binary.
#pragma once

#include <string>

namespace coe::testing {

struct CommandResult {
  int exit_code = -1;  // 128 + signal when killed
  std::string out;
  std::string err;
};

// `command` is given to /bin/sh in `folder`; "coe" in it is a function that runs the binary under
// test.
CommandResult run_command(const std::string& folder, const std::string& command);

}  // namespace coe::testing
