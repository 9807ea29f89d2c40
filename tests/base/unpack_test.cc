#include "coe/base/unpack.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <zlib.h>
#include <zstd.h>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::value_of;

std::string gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const auto n = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3);
  EXPECT_EQ(ZSTD_isError(n), 0U);
  out.resize(n);
  return out;
}

Result<std::optional<std::string>> unpacked(std::string_view bytes,
                                            std::uint64_t most = kMostUnpackedBytes) {
  return unpack(std::as_bytes(std::span(bytes)), "a.gz", most);
}

std::string long_text() {
  std::string out;
  for (int i = 0; out.size() < 1'000'000; ++i) out += std::to_string(i * 7919) + "\n";
  return out;
}

TEST(Unpack, GivesWhatIsInTheFile) {
  for (const auto& text : {std::string(), std::string("a\n"), long_text()}) {
    EXPECT_EQ(value_of(unpacked(gzip(text))), text);
    EXPECT_EQ(value_of(unpacked(zstd(text))), text);
  }
  // As `cat a.gz b.gz` makes them.
  EXPECT_EQ(value_of(unpacked(gzip("a") + gzip("") + gzip(long_text()))), "a" + long_text());
  EXPECT_EQ(value_of(unpacked(zstd("a") + zstd(long_text()) + zstd("b"))), "a" + long_text() + "b");
}

TEST(Unpack, LeavesOtherFilesAlone) {
  for (const auto* text : {"", "\x1f", "{\"text\":\"a\"}", "BZh91AY"})
    EXPECT_EQ(value_of(unpacked(text)), std::nullopt);
}

// Each prefix of a file, and each of its bytes changed: never a shorter or another text.
TEST(Unpack, NoticesEveryDamage) {
  const std::string text = "{\"text\":\"some words, and some words again\"}\n";
  for (const auto& whole : {gzip(text), zstd(text)}) {
    for (std::size_t n = 4; n < whole.size(); ++n) EXPECT_FALSE(unpacked(whole.substr(0, n))) << n;
    for (std::size_t at = 4; at < whole.size(); ++at) {
      auto changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ 1);
      const auto result = unpacked(changed);
      // A gzip header has fields that say nothing of the text; zstd's frames here have no checksum.
      if (result) {
        EXPECT_EQ((*result)->size(), text.size()) << at;
      }
    }
  }
  expect_error(unpacked(gzip(text).substr(0, 30)), Code::kCorrupt, "cut off (byte 30)");
  expect_error(unpacked(zstd(text).substr(0, 30)), Code::kCorrupt, "cut off (byte 30)");
  auto damaged = gzip(text);
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);  // the checksum
  expect_error(unpacked(damaged), Code::kCorrupt, "damaged: incorrect data check");
  expect_error(unpacked(gzip(text) + "more"), Code::kCorrupt, "a.gz: its gzip data are damaged");
  expect_error(unpacked(zstd(text) + "more"), Code::kCorrupt, "a.gz: its zstd data are damaged");
}

TEST(Unpack, HasABound) {
  const auto bomb = gzip(std::string(1 << 20, 'a'));
  EXPECT_LT(bomb.size(), 2000U);
  expect_error(unpacked(bomb, 1 << 19), Code::kUnsupported,
               "a.gz: unpacks to more than 524288 bytes");
  expect_error(unpacked(zstd(std::string(1 << 20, 'a')), 1 << 19), Code::kUnsupported, "more than");
  EXPECT_EQ(value_of(unpacked(bomb, 1 << 20))->size(), std::size_t{1} << 20);
}

TEST(TextFile, IsPackedOrNot) {
  const TempDir dir;
  expect_ok(write_file(dir / "a.txt", "some text", Overwrite::kRefuse));
  expect_ok(write_file(dir / "a.gz", gzip("some text"), Overwrite::kRefuse));
  const auto plain = value_of(TextFile::open(dir / "a.txt"));
  const auto packed = value_of(TextFile::open(dir / "a.gz"));
  EXPECT_EQ(plain.text(), "some text");
  EXPECT_EQ(plain.stored(), "some text");
  EXPECT_EQ(packed.text(), "some text");
  EXPECT_EQ(packed.stored(), gzip("some text"));
  expect_error(TextFile::open(dir / "none"), Code::kNotFound, "none");
}

}  // namespace
}  // namespace coe
