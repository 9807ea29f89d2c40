#include "coe/base/process/memory_ceiling.h"

#include <cstdio>
#include <optional>
#include <unistd.h>

namespace coe {

namespace {

// Bytes that RLIMIT_DATA counts, and the stack: the sixth number of /proc/self/statm, in pages.
std::optional<std::uint64_t> data_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return std::nullopt;
  unsigned long long n_page = 0;
  const bool is_read = std::fscanf(file, "%*u %*u %*u %*u %*u %llu", &n_page) == 1;
  std::fclose(file);
  if (!is_read) return std::nullopt;
  return std::uint64_t{n_page} * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

MemoryCeiling::MemoryCeiling(std::uint64_t more_bytes) {
  const auto now = data_bytes();
  if (!now || ::getrlimit(RLIMIT_DATA, &before_) != 0) return;
  const auto limit = static_cast<rlim_t>(*now + more_bytes);
  if (before_.rlim_cur != RLIM_INFINITY && before_.rlim_cur <= limit) return;
  rlimit ceiling = before_;
  ceiling.rlim_cur = limit;
  is_set_ = ::setrlimit(RLIMIT_DATA, &ceiling) == 0;
}

MemoryCeiling::~MemoryCeiling() {
  if (is_set_) ::setrlimit(RLIMIT_DATA, &before_);
}

}  // namespace coe
