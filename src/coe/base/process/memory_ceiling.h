// While one lives, this process can allocate only so much more than it has: for calls into
// libraries that a file can make allocate without end. What goes beyond is std::bad_alloc there,
// and not the end of the process by the system.
#pragma once

#include <cstdint>
#include <sys/resource.h>

namespace coe {

// It counts all of the process's private memory that can be written (RLIMIT_DATA), of all threads.
// One lives at a time. Where the system has no such limit, or a lower one is set already, it
// changes nothing.
class MemoryCeiling {
 public:
  explicit MemoryCeiling(std::uint64_t more_bytes);
  ~MemoryCeiling();
  MemoryCeiling(const MemoryCeiling&) = delete;
  MemoryCeiling& operator=(const MemoryCeiling&) = delete;

 private:
  rlimit before_{};
  bool is_set_ = false;
};

}  // namespace coe
