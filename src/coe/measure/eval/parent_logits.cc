// The bytes of docs/formats/parent-logits.md.
#include "coe/base/hash.h"
#include "coe/measure/eval/parent_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

namespace coe {

static_assert(std::endian::native == std::endian::little, "files are little-endian");

namespace {

constexpr std::string_view kMagic = "coelogit";
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kDigestBytes = 40;  // "xxh3:", 32 digits, zeros
constexpr std::size_t kMostSettingsBytes = 65536;
constexpr std::size_t kLeastRow = 8 + 8 + 8 + 4 + 4 + 1 + 4;

template <class Value>
void put(std::string& out, Value value) {
  char bytes[sizeof(Value)];
  std::memcpy(bytes, &value, sizeof(Value));
  out.append(bytes, sizeof(Value));
}

void put_digest(std::string& out, std::string digest) {
  COE_CHECK(digest.size() <= kDigestBytes);
  digest.resize(kDigestBytes, '\0');
  out += digest;
}

// LEB128: seven bits a byte, low ones first.
void put_varint(std::string& out, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_row(std::string& out, const ParentRow& row) {
  const auto& condensed = row.condensed;
  put(out, row.norm);
  put(out, condensed.rest_mass);
  put(out, condensed.rest_entropy);
  put(out, row.next_logit);
  put(out, static_cast<std::uint32_t>(condensed.ids.size()));
  std::uint32_t expected = 0;
  for (const auto id : condensed.ids) {
    put_varint(out, id - expected);
    expected = id + 1;
  }
  for (const auto logit : condensed.logits) put(out, logit);
}

// Takes values from a span, once they are known to be there.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::size_t left() const { return bytes_.size() - at_; }

  template <class Value>
  bool take(Value& value) {
    if (left() < sizeof(Value)) return false;
    std::memcpy(&value, bytes_.data() + at_, sizeof(Value));
    at_ += sizeof(Value);
    return true;
  }
  bool take(std::string& text, std::size_t n) {
    if (left() < n) return false;
    text.assign(reinterpret_cast<const char*>(bytes_.data()) + at_, n);
    at_ += n;
    return true;
  }
  bool take_varint(std::uint32_t& value) {
    std::uint64_t sum = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      std::uint8_t byte = 0;
      if (!take(byte)) return false;
      sum |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) {
        value = static_cast<std::uint32_t>(sum);
        return sum <= 0xffffffffU;
      }
    }
    return false;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

bool take_digest(Cursor& cursor, std::string& digest) {
  if (!cursor.take(digest, kDigestBytes)) return false;
  const auto end = std::min(digest.find('\0'), digest.size());
  if (digest.find_first_not_of('\0', end) != std::string::npos) return false;
  digest.resize(end);
  return true;
}

// Returns what is wrong with a row, or nothing.
std::string_view take_ids(Cursor& cursor, std::uint32_t n_entry, std::uint32_t n_vocab,
                          std::vector<std::uint32_t>& ids) {
  ids.reserve(n_entry);
  std::uint64_t expected = 0;
  for (std::uint32_t i = 0; i < n_entry; ++i) {
    std::uint32_t gap = 0;
    if (!cursor.take_varint(gap)) return "ends within its ids";
    const std::uint64_t id = expected + gap;
    if (id >= n_vocab) return "names a token beyond the vocabulary";
    ids.push_back(static_cast<std::uint32_t>(id));
    expected = id + 1;
  }
  return {};
}

std::string_view take_row(Cursor& cursor, std::uint32_t n_vocab, ParentRow& row) {
  std::uint32_t n_entry = 0;
  auto& condensed = row.condensed;
  if (!cursor.take(row.norm) || !cursor.take(condensed.rest_mass) ||
      !cursor.take(condensed.rest_entropy) || !cursor.take(row.next_logit) || !cursor.take(n_entry))
    return "ends within its sums";
  if (!std::isfinite(row.norm) || !std::isfinite(row.next_logit) ||
      !(condensed.rest_mass >= 0.0 && condensed.rest_mass <= 1.0) ||
      !(condensed.rest_entropy <= 0.0 && std::isfinite(condensed.rest_entropy)))
    return "has sums that no distribution has";
  // An id takes a byte, a logit four.
  if (n_entry == 0 || n_entry > n_vocab || n_entry > cursor.left() / 5)
    return "has an impossible number of tokens";
  if (const auto problem = take_ids(cursor, n_entry, n_vocab, condensed.ids); !problem.empty())
    return problem;
  condensed.logits.resize(n_entry);
  std::size_t first = 0;
  for (std::uint32_t i = 0; i < n_entry; ++i) {
    if (!cursor.take(condensed.logits[i])) return "ends within its logits";
    if (!std::isfinite(condensed.logits[i])) return "has a logit that is not finite";
    if (condensed.logits[i] > condensed.logits[first]) first = i;
  }
  if (static_cast<double>(condensed.logits[first]) > row.norm + 1e-3)
    return "has a logit above the sum of all";
  row.first = condensed.ids[first];
  return {};
}

}  // namespace

std::string encode_header(const ParentLogitsHeader& header) {
  std::string out(kMagic);
  put(out, kVersion);
  put(out, header.n_vocab);
  put(out, header.tail);
  put(out, header.n_sequence);
  put(out, header.n_token);
  put_digest(out, header.model_digest);
  put_digest(out, header.text_digest);
  COE_CHECK(header.settings.size() <= kMostSettingsBytes);
  put(out, static_cast<std::uint32_t>(header.settings.size()));
  return out + header.settings;
}

std::string encode_sequence(std::span<const ParentRow> rows) {
  std::string payload;
  for (const auto& row : rows) put_row(payload, row);
  std::string out;
  put(out, static_cast<std::uint64_t>(rows.size()));
  put(out, static_cast<std::uint64_t>(payload.size()));
  put_digest(out, digest_of(payload));
  return out + payload;
}

Result<ParentLogitsReader> ParentLogitsReader::open(std::span<const std::byte> bytes,
                                                    std::string name) {
  ParentLogitsReader reader(bytes, std::move(name));
  const auto corrupt = [&](std::string_view what) {
    return fail(Code::kCorrupt, fmt::format("{}: {}", reader.name_, what),
                "remove it: it is made again");
  };
  Cursor cursor(bytes);
  std::string magic;
  std::uint32_t version = 0;
  if (!cursor.take(magic, kMagic.size()) || magic != kMagic)
    return corrupt("is no file of a parent's logits");
  if (!cursor.take(version)) return corrupt("has no whole header");
  if (version != kVersion)
    return fail(Code::kUnsupported,
                fmt::format("{}: is of version {} of its form (known: {})", reader.name_, version,
                            kVersion),
                "use the coe that wrote it, or remove the file: it is made again");
  auto& header = reader.header_;
  std::uint32_t n_settings = 0;
  if (!cursor.take(header.n_vocab) || !cursor.take(header.tail) ||
      !cursor.take(header.n_sequence) || !cursor.take(header.n_token) ||
      !take_digest(cursor, header.model_digest) || !take_digest(cursor, header.text_digest) ||
      !cursor.take(n_settings) || n_settings > kMostSettingsBytes ||
      !cursor.take(header.settings, n_settings))
    return corrupt("has no whole header");
  if (header.n_vocab == 0 || !(header.tail >= 0.0 && header.tail < 1.0))
    return corrupt("has an impossible header");
  reader.at_ = bytes.size() - cursor.left();
  return reader;
}

Result<std::vector<ParentRow>> ParentLogitsReader::next() {
  const auto corrupt = [&](std::string_view what) {
    return fail(Code::kCorrupt, fmt::format("{}: sequence {} {}", name_, n_read_ + 1, what),
                "remove the file: it is made again");
  };
  if (n_read_ >= header_.n_sequence) return corrupt("is beyond the last");
  Cursor cursor(bytes_.subspan(at_));
  std::uint64_t n_row = 0;
  std::uint64_t n_byte = 0;
  std::string digest;
  if (!cursor.take(n_row) || !cursor.take(n_byte) || !take_digest(cursor, digest) ||
      n_byte > cursor.left())
    return corrupt("is cut off, or has no digest");
  if (n_row == 0 || n_row > n_byte / kLeastRow) return corrupt("has an impossible number of rows");
  const auto payload =
      bytes_.subspan(bytes_.size() - cursor.left(), static_cast<std::size_t>(n_byte));
  Hasher hasher;
  hasher.add(payload);
  if (hasher.digest() != digest) return corrupt("does not have its checksum");
  Cursor inner(payload);
  std::vector<ParentRow> rows(static_cast<std::size_t>(n_row));
  for (auto& row : rows)
    if (const auto problem = take_row(inner, header_.n_vocab, row); !problem.empty())
      return corrupt(fmt::format("{} in row {}", problem, &row - rows.data() + 1));
  if (inner.left() > 0) return corrupt("has bytes after its last row");
  at_ = static_cast<std::size_t>(payload.data() - bytes_.data()) + payload.size();
  n_read_ += 1;
  return rows;
}

Status ParentLogitsReader::finish() const {
  if (n_read_ == header_.n_sequence && at_ == bytes_.size()) return {};
  return fail(Code::kCorrupt,
              fmt::format("{}: has {} bytes after sequence {} of {}", name_, bytes_.size() - at_,
                          n_read_, header_.n_sequence),
              "remove it: it is made again");
}

}  // namespace coe
