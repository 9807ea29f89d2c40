// What a measurement must say about the machine it was made on. Names no host, user or folder.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <cstdint>
#include <string>

namespace coe {

struct MachineFacts {
  std::string cpu;
  unsigned n_core = 0;
  std::uint64_t memory_bytes = 0;
  std::string kernel;
  std::string date;  // UTC, ISO 8601
};
MachineFacts machine_facts();

// Of this process, in memory now, without pages of files such as its code: RssAnon.
std::uint64_t resident_bytes();

// "ext4", "tmpfs", …; "unknown" where the system does not say.
std::string file_system_of(const Path& path);

}  // namespace coe
