// Waiting for a child of this process.
#pragma once

#include <cerrno>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>

namespace coe {

// Returns when the child has ended: its status as waitpid() gives it, and what it used.
inline int wait_for(pid_t child, rusage* usage = nullptr) {
  int status = 0;
  while (::wait4(child, &status, 0, usage) < 0 && errno == EINTR) continue;
  return status;
}

// Exit code, or 128 + signal.
inline int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace coe
