// A file system of a chosen size, for running out of it: tmpfs in a mount namespace of this
// process, so that nothing stays mounted whatever becomes of the test.
#pragma once

#include "coe/base/file.h"

#include <cstdint>
#include <string>

namespace coe::testing {

// Empty when small disks can be made, else why not. The first call moves this process into a
// namespace of its own; a user namespace, unless it is root's.
std::string why_no_small_disks();

class SmallDisk {
 public:
  // Mounts `n_bytes` (rounded down to pages, at least one) at the folder; throws when that fails.
  SmallDisk(const Path& folder, std::uint64_t n_bytes);
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk();  // unmounts

  const Path& folder() const { return folder_; }
  // Another size, with what is on it.
  void resize(std::uint64_t n_bytes) const;
  // Takes all the room but `n_bytes`.
  void fill(std::uint64_t n_bytes) const;

 private:
  Path folder_;
};

}  // namespace coe::testing
