#include "coe/model/gguf/reader.h"

#include "coe/base/checked.h"
#include "coe/base/file.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/model/gguf/encoding.h"
#include "coe/model/gguf/sniff.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace coe::gguf {
namespace {

// ggml counts its types from 0 and has some forty; forks number theirs from about a hundred.
constexpr std::uint32_t kFirstOfForks = 90;
constexpr std::uint32_t kEndOfForks = 500;

constexpr std::string_view kTruncatedHint = "the file is incomplete: download or copy it again";
constexpr std::string_view kDamagedHint = "the file is damaged: download or copy it again";
constexpr std::uint64_t kMinKeyBytes = 8 + 1 + 4 + 1;         // one-byte key, one-byte value
constexpr std::uint64_t kMinTensorBytes = 8 + 1 + 4 + 4 + 8;  // one-byte name, no dimensions

// Reads forward through the header. `what` names the part being read, for messages.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  std::uint64_t position() const { return at_; }
  std::uint64_t remaining() const { return bytes_.size() - at_; }
  std::span<const std::byte> since(std::uint64_t start) const {
    return bytes_.subspan(start, at_ - start);
  }

  template <class T>
  Result<T> scalar(std::string_view what) {
    COE_TRY(const auto found, take(sizeof(T), what));
    return load_little<T>(found.data());
  }

  Result<std::span<const std::byte>> take(std::uint64_t n, std::string_view what) {
    if (n > remaining())
      return fail(Code::kCorrupt,
                  fmt::format("{}: file ends inside {} ({} bytes there, at least {} needed)", name_,
                              what, bytes_.size(), at_ + n),
                  std::string(kTruncatedHint));
    const auto found = bytes_.subspan(at_, n);
    at_ += n;
    return found;
  }

  Result<std::string_view> text(std::string_view what) {
    const std::uint64_t start = at_;
    COE_TRY(const auto length, scalar<std::uint64_t>(what));
    if (length > kMaxItems)
      return damaged(fmt::format("{} at byte {} claims {} bytes of text (at most {})", what, start,
                                 length, kMaxItems));
    COE_TRY(const auto found, take(length, what));
    return std::string_view(reinterpret_cast<const char*>(found.data()), found.size());
  }

  tl::unexpected<Error> damaged(std::string_view message,
                                std::string_view hint = kDamagedHint) const {
    return fail(Code::kCorrupt, fmt::format("{}: {}", name_, message), std::string(hint));
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view name_;
  std::uint64_t at_ = 0;  // never above bytes_.size()
};

Status skip_bools(Cursor& cursor, std::uint64_t count, std::string_view what) {
  COE_TRY(const auto flags, cursor.take(count, what));
  for (const std::byte flag : flags)
    if (flag > std::byte{1})
      return cursor.damaged(fmt::format("{} has a bool that is neither 0 nor 1 ({})", what,
                                        std::to_integer<unsigned>(flag)));
  return {};
}

// Steps over `count` values of one type, checking that they are all there.
Status skip_values(Cursor& cursor, ValueType type, std::uint64_t count, std::string_view what) {
  if (type == ValueType::kBool) return skip_bools(cursor, count, what);
  if (type == ValueType::kString) {
    for (std::uint64_t i = 0; i < count; ++i) COE_TRY_STATUS(cursor.text(what));
    return {};
  }
  const std::uint64_t size = scalar_size(type);
  if (size == 0)
    return cursor.damaged(
        fmt::format("{} has an invalid value type {}", what, static_cast<std::uint32_t>(type)));
  COE_TRY_STATUS(cursor.take(count * size, what));  // count <= 2^30
  return {};
}

Result<Value> read_value(Cursor& cursor, std::string_view what) {
  COE_TRY(const auto word, cursor.scalar<std::uint32_t>(what));
  const auto type = ValueType{word};
  const std::uint64_t start = cursor.position();
  if (type != ValueType::kArray) {
    COE_TRY_STATUS(skip_values(cursor, type, 1, what));
    return Value::from_bytes(type, cursor.since(start));
  }
  COE_TRY(const auto element, cursor.scalar<std::uint32_t>(what));
  COE_TRY(const auto count, cursor.scalar<std::uint64_t>(what));
  if (ValueType{element} == ValueType::kArray)
    return cursor.damaged(fmt::format("{} is an array of arrays, which GGUF does not allow", what));
  if (count > kMaxItems)
    return cursor.damaged(
        fmt::format("{} claims {} elements (at most {})", what, count, kMaxItems));
  COE_TRY_STATUS(skip_values(cursor, ValueType{element}, count, what));
  return Value::from_bytes(type, cursor.since(start));
}

Result<std::vector<KeyValue>> read_keys(Cursor& cursor, std::uint64_t n_key) {
  if (n_key > cursor.remaining() / kMinKeyBytes)
    return cursor.damaged(fmt::format("header claims {} keys, more than fit in the {} bytes left",
                                      n_key, cursor.remaining()));
  std::vector<KeyValue> keys;
  keys.reserve(n_key);
  std::unordered_map<std::string_view, std::uint64_t> seen;  // views of the file's own bytes
  for (std::uint64_t i = 0; i < n_key; ++i) {
    COE_TRY(const auto key, cursor.text(fmt::format("the name of key {}", i)));
    if (key.empty()) return cursor.damaged(fmt::format("key {} has no name", i));
    // ggml looks keys up by their part before a NUL, general.alignment among them.
    if (key.find('\0') != std::string_view::npos)
      return cursor.damaged(fmt::format("key {} has an invalid name `{}`", i, printable(key)));
    if (const auto [first, is_new] = seen.emplace(key, i); !is_new)
      return cursor.damaged(
          fmt::format("key `{}` occurs twice ({} and {})", printable(key), first->second, i));
    COE_TRY(auto value, read_value(cursor, fmt::format("key `{}`", printable(key))));
    keys.push_back({std::string(key), std::move(value)});
  }
  return keys;
}

Result<std::uint64_t> read_alignment(const Cursor& cursor, const Header& header) {
  const Value* value = header.find_key(kAlignmentKey);
  if (value == nullptr) return kDefaultAlignment;
  if (value->type() != ValueType::kU32)
    return cursor.damaged(fmt::format("key `{}` has the wrong type ({} vs u32)", kAlignmentKey,
                                      type_name(value->type())));
  const auto alignment = value->as_uint().value_or(0);
  if (!std::has_single_bit(alignment))
    return cursor.damaged(
        fmt::format("key `{}` is no power of two ({})", kAlignmentKey, alignment));
  return alignment;
}

// Reads name, shape, type and offset; n_bytes is derived from them.
Result<TensorInfo> read_tensor(Cursor& cursor, std::uint64_t index) {
  COE_TRY(const auto name, cursor.text(fmt::format("the name of tensor {}", index)));
  if (name.empty() || name.size() > kMaxNameBytes || name.find('\0') != std::string_view::npos)
    return cursor.damaged(fmt::format("tensor {} has an invalid name `{}` ({} bytes vs 1 to {})",
                                      index, printable(name), name.size(), kMaxNameBytes));
  TensorInfo tensor;
  tensor.name = name;
  const std::string what = fmt::format("tensor `{}`", printable(name));
  COE_TRY(tensor.n_dims, cursor.scalar<std::uint32_t>(what));
  if (tensor.n_dims > kMaxDims)
    return cursor.damaged(fmt::format("{} has too many dimensions ({} vs at most {})", what,
                                      tensor.n_dims, kMaxDims));
  for (std::uint32_t d = 0; d < tensor.n_dims; ++d) {
    COE_TRY(tensor.ne[d], cursor.scalar<std::uint64_t>(what));
    if (tensor.ne[d] > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return cursor.damaged(fmt::format("{} has a negative dimension {}", what, d));
  }
  COE_TRY(const auto type_id, cursor.scalar<std::uint32_t>(what));
  const TypeTraits* type = find_type(type_id);
  if (type == nullptr)
    return cursor.damaged(
        fmt::format("{} has an unknown type {}", what, type_id),
        type_id >= kFirstOfForks && type_id < kEndOfForks
            ? "such numbers are those of ik_llama.cpp's own types: quantise the model with "
              "llama.cpp's llama-quantize"
            : "the file is damaged, or made by a llama.cpp newer than this coe knows");
  tensor.type = type->type;
  const auto n_bytes = tensor_bytes(*type, tensor.ne);
  if (!n_bytes)
    return cursor.damaged(
        fmt::format("{} has an impossible shape {} for {} (rows in blocks of {}, size below 2^63)",
                    what, shape_text(tensor), type->name, type->block_size));
  tensor.n_bytes = *n_bytes;
  COE_TRY(tensor.offset, cursor.scalar<std::uint64_t>(what));
  return tensor;
}

Result<std::vector<TensorInfo>> read_tensors(Cursor& cursor, std::uint64_t n_tensor) {
  if (n_tensor > cursor.remaining() / kMinTensorBytes)
    return cursor.damaged(
        fmt::format("header claims {} tensors, more than fit in the {} bytes left", n_tensor,
                    cursor.remaining()));
  std::vector<TensorInfo> tensors;
  tensors.reserve(n_tensor);
  std::unordered_map<std::string_view, std::uint64_t> seen;
  for (std::uint64_t i = 0; i < n_tensor; ++i) {
    COE_TRY(auto tensor, read_tensor(cursor, i));
    tensors.push_back(std::move(tensor));
    // `tensors` never reallocates, so views of its names stay valid.
    if (const auto [first, is_new] = seen.emplace(tensors.back().name, i); !is_new)
      return cursor.damaged(fmt::format("tensor `{}` occurs twice ({} and {})",
                                        printable(tensors.back().name), first->second, i));
  }
  return tensors;
}

// Offsets must be the running sum of padded sizes in info order, as ggml demands; then the last
// tensor's end decides whether the data is all there.
Status check_layout(const Cursor& cursor, const Header& header, std::string_view name) {
  std::uint64_t expected = 0;
  std::uint64_t end = header.data_offset;
  const TensorInfo* first_cut_off = nullptr;
  for (const auto& tensor : header.tensors) {
    const auto shown = [&] { return printable(tensor.name); };
    if (tensor.offset != expected)
      return cursor.damaged(fmt::format("tensor `{}` has a wrong offset ({} vs {})", shown(),
                                        tensor.offset, expected));
    const auto padded = checked_align(tensor.n_bytes, header.alignment);
    const auto next = padded ? checked_add(expected, *padded) : std::nullopt;
    const auto next_end = next ? checked_add(header.data_offset, *next) : std::nullopt;
    if (!next_end)
      return cursor.damaged(
          fmt::format("tensor `{}` ends beyond 2^64 ({} bytes)", shown(), tensor.n_bytes));
    end = header.data_offset + tensor.offset + tensor.n_bytes;
    if (end > header.file_bytes && first_cut_off == nullptr) first_cut_off = &tensor;
    expected = *next;
  }
  if (first_cut_off == nullptr) return {};
  return fail(Code::kCorrupt,
              fmt::format("{}: tensor `{}` ends at byte {} but the file has {} ({} needed in all)",
                          name, printable(first_cut_off->name),
                          header.data_offset + first_cut_off->offset + first_cut_off->n_bytes,
                          header.file_bytes, end),
              std::string(kTruncatedHint));
}

Status check_version(std::uint32_t version, std::string_view name) {
  if (version == 2 || version == 3) return {};
  if ((version & 0xffffU) == 0 && version != 0)
    return fail(
        Code::kUnsupported,
        fmt::format("{}: GGUF of the other byte order (version word {:#010x})", name, version),
        "convert it with gguf_convert_endian.py of llama.cpp's gguf-py");
  return fail(Code::kUnsupported,
              fmt::format("{}: GGUF version not supported ({} vs 2 or 3)", name, version),
              version == 1 ? "convert the original model again with a current llama.cpp"
                           : "the file is damaged, or made by a newer llama.cpp");
}

Status check_magic(std::span<const std::byte> bytes, std::string_view name) {
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()),
                               std::min(bytes.size(), kMagic.size()));
  if (start == kMagic) return {};
  const FileKind looks = sniff(bytes);
  return fail(Code::kCorrupt,
              looks.what.empty()
                  ? fmt::format("{}: not a GGUF file (starts with `{}` vs `{}`)", name,
                                printable(start), kMagic)
                  : fmt::format("{}: not a GGUF file (it looks like {})", name, looks.what),
              std::string(looks.what.empty() ? "give the path of a .gguf file" : looks.hint));
}

}  // namespace

std::optional<std::uint64_t> tensor_bytes(const TypeTraits& type,
                                          std::span<const std::uint64_t> ne) {
  if (ne[0] % type.block_size != 0) return std::nullopt;
  if (std::ranges::find(ne, std::uint64_t{0}) != ne.end()) return 0;
  std::uint64_t n_value = 1;
  for (const auto n : ne) {
    const auto product = checked_mul(n_value, n);
    if (!product || *product > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
      return std::nullopt;
    n_value = *product;
  }
  return checked_mul(n_value / type.block_size, type.block_bytes);
}

std::string shape_text(const TensorInfo& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.ne.begin(), tensor.ne.begin() + tensor.n_dims, ", "));
}

const Value* Header::find_key(std::string_view key) const {
  const auto found = std::ranges::find(keys, key, &KeyValue::key);
  return found == keys.end() ? nullptr : &found->value;
}

const TensorInfo* Header::find_tensor(std::string_view name) const {
  const auto found = std::ranges::find(tensors, name, &TensorInfo::name);
  return found == tensors.end() ? nullptr : &*found;
}

Result<Header> parse_header(std::span<const std::byte> bytes, std::uint64_t file_bytes,
                            std::string_view name) {
  COE_TRY_STATUS(check_magic(bytes, name));
  Cursor cursor(bytes, name);
  COE_TRY_STATUS(cursor.take(kMagic.size(), "the magic"));
  Header header;
  header.file_bytes = file_bytes;
  COE_TRY(header.version, cursor.scalar<std::uint32_t>("the version"));
  COE_TRY_STATUS(check_version(header.version, name));
  COE_TRY(const auto n_tensor, cursor.scalar<std::uint64_t>("the tensor count"));
  COE_TRY(const auto n_key, cursor.scalar<std::uint64_t>("the key count"));
  COE_TRY(header.keys, read_keys(cursor, n_key));
  COE_TRY(header.alignment, read_alignment(cursor, header));
  COE_TRY(header.tensors, read_tensors(cursor, n_tensor));
  header.data_offset = cursor.position();
  if (!header.tensors.empty()) {  // without tensors there is no data section and no padding
    const auto data_offset = checked_align(cursor.position(), header.alignment);
    if (!data_offset) return cursor.damaged("header ends beyond 2^64");
    header.data_offset = *data_offset;
    if (header.data_offset > file_bytes)
      return cursor.damaged(
          fmt::format("file ends inside the header's padding ({} bytes there, {} needed)",
                      file_bytes, header.data_offset),
          kTruncatedHint);
  }
  COE_TRY_STATUS(check_layout(cursor, header, name));
  return header;
}

}  // namespace coe::gguf
