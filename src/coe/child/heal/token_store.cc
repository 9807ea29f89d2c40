#include "coe/child/heal/token_store.h"

#include "coe/base/jobs.h"
#include "coe/base/result.h"
#include "coe/model/gguf/tensor_type.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr float kLargest = 32768.0F;  // of a vector's values, as they are stored

std::size_t bytes_of_row(std::size_t n_embd) {
  return sizeof(float) + n_embd * sizeof(std::uint16_t);
}

}  // namespace

std::uint64_t TokenStore::bytes_of(const Shape& shape) {
  return std::uint64_t{shape.n_layer} * kNoKind * shape.n_token * bytes_of_row(shape.n_embd);
}

TokenStore::TokenStore(Path path, Descriptor file, const Shape& shape,
                       const gguf::Dequantizer& values, const gguf::Quantizer& blocks)
    : path_(std::move(path)),
      file_(std::move(file)),
      shape_(shape),
      values_(&values),
      blocks_(&blocks) {}

Result<TokenStore> TokenStore::open(const Path& file, const Shape& shape,
                                    const gguf::Dequantizer& values,
                                    const gguf::Quantizer& blocks) {
  Descriptor descriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  struct stat info{};
  if (descriptor.get() < 0 || ::fstat(descriptor.get(), &info) != 0)
    return tl::unexpected(io_error(file, "open"));
  const auto n_bytes = bytes_of(shape);
  if (static_cast<std::uint64_t>(info.st_size) != n_bytes) {
    COE_TRY_STATUS(check_space(file, n_bytes));
    // A disk that is full later is found out now; file systems that cannot reserve go without.
    const int full = ::posix_fallocate(descriptor.get(), 0, static_cast<off_t>(n_bytes));
    if (full == ENOSPC) {
      errno = full;
      return tl::unexpected(io_error(file, "reserve room for"));
    }
    if (::ftruncate(descriptor.get(), static_cast<off_t>(n_bytes)) != 0)
      return tl::unexpected(io_error(file, "write"));
  }
  return TokenStore(file, std::move(descriptor), shape, values, blocks);
}

std::size_t TokenStore::row_bytes() const { return bytes_of_row(shape_.n_embd); }

std::uint64_t TokenStore::position(std::size_t layer, Kind kind, std::size_t token) const {
  return ((std::uint64_t{layer} * kNoKind + kind) * shape_.n_token + token) * row_bytes();
}

Status TokenStore::write(std::size_t layer, Kind kind, std::size_t first,
                         std::span<const float> rows) const {
  const std::size_t n = rows.size() / shape_.n_embd;
  COE_CHECK(layer < shape_.n_layer && first + n <= shape_.n_token);
  std::vector<std::byte> bytes(n * row_bytes());
  std::vector<float> scaled(shape_.n_embd);
  for (std::size_t t = 0; t < n; ++t) {
    const auto row = rows.subspan(t * shape_.n_embd, shape_.n_embd);
    float largest = 0.0F;
    for (const float value : row) largest = std::max(largest, std::abs(value));
    const float scale = largest > 0.0F ? largest / kLargest : 1.0F;
    for (std::size_t j = 0; j < row.size(); ++j) scaled[j] = row[j] / scale;
    auto* out = bytes.data() + t * row_bytes();
    std::memcpy(out, &scale, sizeof(scale));
    blocks_->to_blocks(gguf::TensorType::kF16, scaled, scaled.size(),
                       {out + sizeof(scale), row_bytes() - sizeof(scale)});
  }
  auto at = static_cast<off_t>(position(layer, kind, first));
  for (std::span<const std::byte> left = bytes; !left.empty();) {
    const auto written = ::pwrite(file_.get(), left.data(), left.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return tl::unexpected(io_error(path_, "write"));
    left = left.subspan(static_cast<std::size_t>(written));
    at += written;
  }
  return {};
}

Status TokenStore::read(std::size_t layer, Kind kind, std::size_t first, std::size_t n,
                        Matrix& rows) const {
  COE_CHECK(layer < shape_.n_layer && first + n <= shape_.n_token);
  reshape(rows, n, shape_.n_embd);
  constexpr std::size_t kRowsAtOnce = 256;
  std::vector<Status> pieces((n + kRowsAtOnce - 1) / kRowsAtOnce);
  for_each_at_once(pieces.size(), MathThreads::count(), [&](std::size_t piece) {
    const std::size_t from = piece * kRowsAtOnce;
    pieces[piece] =
        read_rows(position(layer, kind, first + from), from, std::min(kRowsAtOnce, n - from), rows);
  });
  for (auto& status : pieces) COE_TRY_STATUS(std::move(status));
  return {};
}

Status TokenStore::read_rows(std::uint64_t at, std::size_t first, std::size_t n,
                             Matrix& rows) const {
  std::vector<std::byte> bytes(n * row_bytes());
  COE_TRY(const auto n_read, read_at(file_.get(), at, bytes, path_));
  if (n_read != bytes.size())
    return fail(Code::kIo, path_.string() + ": has become shorter", "run the same command again");
  for (std::size_t t = 0; t < n; ++t) {
    const auto* in = bytes.data() + t * row_bytes();
    float scale = 0.0F;
    std::memcpy(&scale, in, sizeof(scale));
    const auto row = rows.row(first + t);
    values_->to_floats(gguf::TensorType::kF16, {in + sizeof(scale), row_bytes() - sizeof(scale)},
                       row);
    for (float& value : row) value *= scale;
  }
  return {};
}

Status TokenStore::flush() const {
  if (::fdatasync(file_.get()) == 0) return {};
  return tl::unexpected(io_error(path_, "flush"));
}

}  // namespace coe
