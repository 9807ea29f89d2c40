#include "coe/base/unpack.h"

#include "coe/base/as_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>
#include <zlib.h>
#include <zstd.h>

namespace coe {

namespace {

constexpr std::size_t kOutputBytes = std::size_t{256} << 10;

class Sink {
 public:
  Sink(std::string_view name, std::uint64_t most) : name_(name), most_(most) {}

  Status take(std::span<const char> piece) {
    if (text_.size() + piece.size() > most_)
      return fail(Code::kUnsupported,
                  fmt::format("{}: unpacks to more than {} bytes", name_, most_),
                  "unpack it, and give the file");
    text_.append(piece.data(), piece.size());
    return {};
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string_view name_;
  std::uint64_t most_;
  std::string text_;
};

tl::unexpected<Error> damaged(std::string_view name, std::size_t byte, std::string_view what) {
  return fail(Code::kCorrupt, fmt::format("{}: {} (byte {})", name, what, byte),
              "pack it again, or download it again");
}

struct InflateEnd {
  void operator()(z_stream* stream) const { inflateEnd(stream); }
};

// Source: RFC 1952. Members stand one behind the other, each with a checksum of its own.
Status unpack_gzip(std::span<const std::byte> bytes, std::string_view name, Sink& sink) {
  z_stream stream{};
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  if (inflateInit2(&stream, kGzipOnly) != Z_OK)
    return fail(Code::kIo, fmt::format("{}: no memory to unpack it", name));
  const std::unique_ptr<z_stream, InflateEnd> ended(&stream);
  std::array<char, kOutputBytes> piece{};
  std::size_t at = 0;
  while (true) {
    const auto n = std::min<std::size_t>(bytes.size() - at, std::numeric_limits<uInt>::max());
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data() + at));
    stream.avail_in = static_cast<uInt>(n);
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    at += n - stream.avail_in;
    const std::size_t n_out = piece.size() - stream.avail_out;
    COE_TRY_STATUS(sink.take(std::span(piece).first(n_out)));
    if (result == Z_STREAM_END) {
      if (at == bytes.size()) return {};
      if (inflateReset(&stream) != Z_OK) return damaged(name, at, "cannot be unpacked");
      continue;
    }
    if (result == Z_BUF_ERROR || (result == Z_OK && n_out == 0 && at == bytes.size()))
      return damaged(name, at, "its gzip data are cut off");
    if (result != Z_OK)
      return damaged(name, at,
                     fmt::format("its gzip data are damaged: {}",
                                 stream.msg == nullptr ? "unknown form" : stream.msg));
  }
}

struct FreeZstd {
  void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

// Source: RFC 8878. Frames stand one behind the other.
Status unpack_zstd(std::span<const std::byte> bytes, std::string_view name, Sink& sink) {
  const std::unique_ptr<ZSTD_DStream, FreeZstd> stream(ZSTD_createDStream());
  if (!stream) return fail(Code::kIo, fmt::format("{}: no memory to unpack it", name));
  std::array<char, kOutputBytes> piece{};
  ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
  std::size_t wanted = 1;
  bool full = false;
  while (in.pos < in.size || full) {
    ZSTD_outBuffer out = {piece.data(), piece.size(), 0};
    wanted = ZSTD_decompressStream(stream.get(), &out, &in);
    if (ZSTD_isError(wanted) != 0)
      return damaged(name, in.pos,
                     fmt::format("its zstd data are damaged: {}", ZSTD_getErrorName(wanted)));
    COE_TRY_STATUS(sink.take(std::span(piece).first(out.pos)));
    full = out.pos == out.size && wanted != 0;
  }
  if (wanted != 0) return damaged(name, in.pos, "its zstd data are cut off");
  return {};
}

bool begins_with(std::span<const std::byte> bytes, std::string_view prefix) {
  return bytes.size() >= prefix.size() &&
         std::ranges::equal(bytes.first(prefix.size()), std::as_bytes(std::span(prefix)));
}

}  // namespace

Result<std::optional<std::string>> unpack(std::span<const std::byte> bytes, std::string_view name,
                                          std::uint64_t most) {
  Sink sink(name, most);
  if (begins_with(bytes, "\x1f\x8b")) {
    COE_TRY_STATUS(unpack_gzip(bytes, name, sink));
  } else if (begins_with(bytes, "\x28\xb5\x2f\xfd")) {
    COE_TRY_STATUS(unpack_zstd(bytes, name, sink));
  } else {
    return std::optional<std::string>();
  }
  return std::optional(std::move(sink).text());
}

Result<TextFile> TextFile::open(const Path& path) {
  COE_TRY(auto file, MappedFile::open(path));
  COE_TRY(auto unpacked, unpack(file.bytes(), path.string()));
  return TextFile(std::move(file), std::move(unpacked));
}

std::string_view TextFile::text() const { return unpacked_ ? *unpacked_ : stored(); }
std::string_view TextFile::stored() const { return as_text(file_.bytes()); }

}  // namespace coe
