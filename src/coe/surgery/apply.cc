#include "coe/surgery/apply.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/gguf/reader.h"
#include "coe/surgery/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <unistd.h>
#include <vector>

namespace coe {
namespace {

constexpr std::uint64_t kChunkBytes = std::uint64_t{16} << 20;  // between two polls of the observer
constexpr std::size_t kBufferBytes = std::size_t{4} << 20;
constexpr std::string_view kStage = "prune";

// Appends ranges of the parent to the output: inside the kernel where the file systems can, else
// through a buffer.
class Copier {
 public:
  Copier(const gguf::GgufFile& parent, const Path& path, AtomicFile& output)
      : parent_(parent), path_(path), output_(output) {}

  Status copy(ByteRange range) {
    while (in_kernel_ && range.n_bytes > 0) {
      auto offset = static_cast<off_t>(range.offset);
      // No output offset: the output's own position advances, as AtomicFile::write expects.
      const ssize_t n = ::copy_file_range(parent_.fd(), &offset, output_.fd(), nullptr,
                                          static_cast<std::size_t>(range.n_bytes), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return tl::unexpected(io_error(path_, "write"));
      if (n <= 0) {
        in_kernel_ = false;  // two file systems, or one that cannot: try the plain way
        break;
      }
      range.offset += static_cast<std::uint64_t>(n);
      range.n_bytes -= static_cast<std::uint64_t>(n);
    }
    return copy_buffered(range);
  }

 private:
  Status copy_buffered(ByteRange range) {
    while (range.n_bytes > 0) {
      if (buffer_.empty()) buffer_.resize(kBufferBytes);
      const auto wanted =
          static_cast<std::size_t>(std::min<std::uint64_t>(range.n_bytes, kBufferBytes));
      const ssize_t n =
          ::pread(parent_.fd(), buffer_.data(), wanted, static_cast<off_t>(range.offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return tl::unexpected(io_error(parent_.path(), "read"));
      if (n == 0)
        return fail(Code::kIo,
                    fmt::format("{}: shrank while it was being read (no byte {})",
                                parent_.path().string(), range.offset),
                    "leave the parent alone until the work is done");
      const auto n_read = static_cast<std::size_t>(n);
      COE_TRY_STATUS(output_.write(std::span<const std::byte>(buffer_).first(n_read)));
      range.offset += n_read;
      range.n_bytes -= n_read;
    }
    return {};
  }

  const gguf::GgufFile& parent_;
  const Path& path_;
  AtomicFile& output_;
  std::vector<std::byte> buffer_;
  bool in_kernel_ = true;
};

Status check_space(const Path& output, std::uint64_t needed) {
  COE_TRY(const auto available, free_space(output));
  if (available >= needed) return {};
  return fail(Code::kIo,
              fmt::format("{}: not enough space on the disk ({} free vs {} needed)",
                          output.string(), human_bytes(available), human_bytes(needed)),
              "free some space or write to another disk");
}

}  // namespace

Status apply_plan(const gguf::GgufFile& parent, const SurgeryPlan& plan, const Path& output,
                  Overwrite overwrite, Observer& observer) {
  // Created first: that frees what an abandoned run of the same output left behind.
  COE_TRY(auto file, AtomicFile::create(output, overwrite));
  const std::uint64_t total = plan.header.file_bytes;
  COE_TRY_STATUS(check_space(output, total));
  COE_TRY_STATUS(file.write(plan.header_bytes));
  std::uint64_t done = plan.header_bytes.size();
  Copier copier(parent, output, file);
  std::vector<std::byte> padding;
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
    for (ByteRange range : plan.tensors[i].ranges) {
      while (range.n_bytes > 0) {
        if (observer.cancelled())
          return fail(Code::kCancelled,
                      fmt::format("{}: stopped, nothing written", output.string()));
        const std::uint64_t chunk = std::min(range.n_bytes, kChunkBytes);
        COE_TRY_STATUS(copier.copy({range.offset, chunk}));
        range.offset += chunk;
        range.n_bytes -= chunk;
        done += chunk;
        observer.progress(kStage, done, total, "bytes");
      }
    }
    const std::uint64_t alignment = plan.header.alignment;
    padding.resize((alignment - plan.header.tensors[i].n_bytes % alignment) % alignment);
    COE_TRY_STATUS(file.write(padding));
    done += padding.size();
  }
  COE_CHECK(done == total);
  COE_TRY_STATUS(file.commit());
  observer.progress(kStage, total, total, "bytes");
  return {};
}

}  // namespace coe
