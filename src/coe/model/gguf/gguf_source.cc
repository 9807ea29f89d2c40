#include "coe/model/gguf/gguf_source.h"

#include <algorithm>
#include <vector>

namespace coe::gguf {

Status write_source(const GgufSource& source, const Path& path, Overwrite overwrite,
                    std::string_view stage, Observer& observer) {
  constexpr std::uint64_t kBuffer = std::uint64_t{8} << 20;
  const std::uint64_t n_bytes = source.header().file_bytes;
  COE_TRY_STATUS(check_space(path, n_bytes));
  COE_TRY(auto file, AtomicFile::create(path, overwrite));
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(kBuffer, n_bytes)));
  for (std::uint64_t position = 0; position < n_bytes;) {
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    const auto part = std::span(buffer).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), n_bytes - position)));
    COE_TRY_STATUS(source.read(position, part));
    COE_TRY_STATUS(file.write(part));
    position += part.size();
    observer.progress(stage, position, n_bytes, "bytes");
  }
  COE_TRY_STATUS(source.check_unchanged());
  return file.commit();
}

}  // namespace coe::gguf
