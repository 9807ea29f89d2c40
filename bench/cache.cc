#include "cache.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace coe::bench {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

Status drop(const Path& path) {
  COE_TRY(const auto file, MappedFile::open(path));
  errno = ::posix_fadvise(file.fd(), 0, 0, POSIX_FADV_DONTNEED);
  if (errno != 0) return tl::unexpected(io_error(path, "drop from the cache"));
  return {};
}

// One thread's contiguous share of a file, through a descriptor of its own: threads that share one
// disturb each other's read-ahead.
Status read_share(const Path& path, std::uint64_t index, std::uint64_t n_share) {
  COE_TRY(const auto file, MappedFile::open(path));
  const std::uint64_t size = file.bytes().size();
  const std::uint64_t share = (size + n_share - 1) / n_share;
  std::uint64_t at = std::min(size, index * share);
  const std::uint64_t end = std::min(size, at + share);
  ::posix_fadvise(file.fd(), 0, 0, POSIX_FADV_SEQUENTIAL);  // best effort
  std::vector<std::byte> buffer(kBufferBytes);
  while (at < end) {
    const auto wanted = std::min<std::uint64_t>(buffer.size(), end - at);
    const ssize_t n = ::pread(file.fd(), buffer.data(), wanted, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return tl::unexpected(io_error(path, "read"));
    at += static_cast<std::uint64_t>(n);
  }
  return {};
}

Status read_file(const Path& path, unsigned n_thread) {
  std::vector<Status> statuses(n_thread);
  {
    std::vector<std::jthread> threads;
    threads.reserve(n_thread);
    for (unsigned i = 0; i < n_thread; ++i)
      threads.emplace_back([&, i] { statuses[i] = read_share(path, i, n_thread); });
  }
  for (auto& status : statuses) COE_TRY_STATUS(std::move(status));
  return {};
}

}  // namespace

std::string_view cache_name(CacheState state) {
  return state == CacheState::kCold ? "cold" : "warm";
}

Status prepare_cache(CacheState state, std::span<const Path> files) {
  ::sync();
  if (state == CacheState::kWarm) return read_files(files, 1);
  for (const auto& path : files) COE_TRY_STATUS(drop(path));
  return {};
}

Result<double> cached_share(const Path& path) {
  COE_TRY(const auto file, MappedFile::open(path));
  const auto bytes = file.bytes();
  if (bytes.empty()) return 1.0;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes.size() + page - 1) / page);
  // mincore takes a non-const address and only looks.
  if (::mincore(const_cast<std::byte*>(bytes.data()), bytes.size(), pages.data()) != 0)
    return tl::unexpected(io_error(path, "ask the cache about"));
  const auto n_cached = std::ranges::count_if(pages, [](auto flags) { return (flags & 1U) != 0; });
  return static_cast<double>(n_cached) / static_cast<double>(pages.size());
}

Status read_files(std::span<const Path> files, unsigned n_thread) {
  for (const auto& path : files) COE_TRY_STATUS(read_file(path, n_thread));
  return {};
}

}  // namespace coe::bench
