// A measurement must say this about the machine it was made on. It names no host, user or folder.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace coe {

struct MachineFacts {
  std::string cpu;
  unsigned n_core = 0;
  std::uint64_t memory_bytes = 0;
  std::string kernel;
  std::string date;  // UTC, ISO 8601
};
MachineFacts machine_facts();

// Returns what a process has in memory now, without pages of files such as its code: RssAnon. It is
// 0 when the process is gone.
std::uint64_t anonymous_bytes(pid_t process);

// "ext4", "tmpfs", …; "unknown" where the system does not say.
std::string file_system_of(const Path& path);

}  // namespace coe
