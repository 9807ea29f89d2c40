// A file in memory, for parsers that take a path.
#pragma once

#include "coe/base/descriptor.h"
#include "coe/base/file.h"

#include "require.h"

#include <fmt/format.h>

#include <cstddef>
#include <span>
#include <sys/mman.h>

class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> bytes)
      : file_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    require(file_.get() >= 0 && coe::write_all(file_.get(), bytes, path()).has_value());
  }
  coe::Path path() const { return fmt::format("/proc/self/fd/{}", file_.get()); }

 private:
  coe::Descriptor file_;
};
