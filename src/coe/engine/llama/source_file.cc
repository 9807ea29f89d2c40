#include "coe/engine/llama/source_file.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

namespace coe {

// The functions that stdio calls.
struct SourceFile::Cookie {
  static ssize_t read(void* cookie, char* out, std::size_t size) {
    auto& self = *static_cast<SourceFile*>(cookie);
    const std::uint64_t end = self.source_.header().file_bytes;
    const auto n = static_cast<std::size_t>(
        std::min<std::uint64_t>(size, end - std::min(end, self.position_)));
    auto status = self.source_.read(self.position_, std::as_writable_bytes(std::span(out, n)));
    if (!status) {
      if (self.status_) self.status_ = std::move(status);
      errno = EIO;
      return -1;
    }
    self.position_ += n;
    return static_cast<ssize_t>(n);
  }

  static int seek(void* cookie, off64_t* offset, int whence) {
    auto& self = *static_cast<SourceFile*>(cookie);
    const auto end = static_cast<off64_t>(self.source_.header().file_bytes);
    const off64_t base = whence == SEEK_SET   ? 0
                         : whence == SEEK_CUR ? static_cast<off64_t>(self.position_)
                                              : end;
    if (*offset < -base || *offset > std::numeric_limits<off64_t>::max() - base) {
      errno = EINVAL;
      return -1;
    }
    *offset += base;
    self.position_ = static_cast<std::uint64_t>(*offset);
    return 0;
  }
};

Result<std::unique_ptr<SourceFile>> SourceFile::open(const gguf::GgufSource& source) {
#if defined(__linux__)
  std::unique_ptr<SourceFile> out(new SourceFile(source));
  out->file_ =
      fopencookie(out.get(), "rb",
                  {.read = Cookie::read, .write = nullptr, .seek = Cookie::seek, .close = nullptr});
  if (out->file_ == nullptr)
    return fail(Code::kIo, source.name() + ": no memory for a stream of it");
  return out;
#else
  return fail(Code::kUnsupported,
              source.name() + ": this system cannot load a model that is not a file",
              "cut it with `coe prune`, or run the parent under --virtual");
#endif
}

SourceFile::~SourceFile() {
  if (file_ != nullptr) std::fclose(file_);
}

}  // namespace coe
