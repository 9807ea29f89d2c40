#include "coe/model/gguf/writer.h"

#include "coe/base/checked.h"
#include "coe/base/file.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/model/gguf/encoding.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"

#include <fmt/format.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coe::gguf {
namespace {

constexpr std::uint32_t kWrittenVersion = 3;

tl::unexpected<Error> bad(std::string message) {
  return fail(Code::kInvalidArgument, "gguf header: " + std::move(message));
}

Status check_keys(const Header& header) {
  std::unordered_set<std::string_view> seen;
  for (const auto& [key, value] : header.keys) {
    if (key.empty()) return bad("a key has no name");
    if (!seen.insert(key).second) return bad(fmt::format("key `{}` occurs twice", printable(key)));
  }
  const Value* value = header.find_key(kAlignmentKey);
  const bool is_u32 = value == nullptr || value->type() == ValueType::kU32;
  const auto declared = value == nullptr ? kDefaultAlignment : value->as_uint().value_or(0);
  if (!is_u32 || declared != header.alignment || !std::has_single_bit(header.alignment))
    return bad(fmt::format("alignment and key `{}` disagree ({} vs {})", kAlignmentKey,
                           header.alignment, declared));
  return {};
}

// Sets n_bytes and offset of every tensor and returns the size of the data section.
Result<std::uint64_t> lay_out(std::vector<TensorInfo>& tensors, std::uint64_t alignment) {
  std::unordered_set<std::string_view> seen;
  std::uint64_t offset = 0;
  for (auto& tensor : tensors) {
    const auto& name = tensor.name;
    if (name.empty() || name.size() > kMaxNameBytes || name.find('\0') != std::string::npos)
      return bad(fmt::format("invalid tensor name `{}` ({} bytes vs 1 to {})", printable(name),
                             name.size(), kMaxNameBytes));
    if (!seen.insert(name).second) return bad(fmt::format("tensor `{}` occurs twice", name));
    const TypeTraits* type = find_type(static_cast<std::uint32_t>(tensor.type));
    if (type == nullptr || tensor.n_dims > kMaxDims)
      return bad(fmt::format("tensor `{}` has an unknown type or too many dimensions", name));
    for (std::uint32_t d = tensor.n_dims; d < kMaxDims; ++d) tensor.ne[d] = 1;
    const auto n_bytes = tensor_bytes(*type, tensor.ne);
    const auto padded = n_bytes ? checked_align(*n_bytes, alignment) : std::nullopt;
    const auto next = padded ? checked_add(offset, *padded) : std::nullopt;
    if (!next)
      return bad(fmt::format("tensor `{}` has an impossible shape {} for {}", name,
                             shape_text(tensor), type->name));
    tensor.n_bytes = *n_bytes;
    tensor.offset = offset;
    offset = *next;
  }
  return offset;
}

std::vector<std::byte> encode(const Header& header) {
  std::size_t n_bytes = kHeadBytes;
  for (const auto& [key, value] : header.keys) n_bytes += key.size() + value.bytes().size() + 12;
  for (const auto& tensor : header.tensors)
    n_bytes += tensor.name.size() + 24 + std::size_t{8} * kMaxDims;
  std::vector<std::byte> out;
  out.reserve(n_bytes + header.alignment);  // a vocabulary is large: no growing by doubling
  for (const char c : kMagic) out.push_back(static_cast<std::byte>(c));
  append_little(out, kWrittenVersion);
  append_little(out, static_cast<std::uint64_t>(header.tensors.size()));
  append_little(out, static_cast<std::uint64_t>(header.keys.size()));
  for (const auto& [key, value] : header.keys) {
    append_text(out, key);
    append_little(out, static_cast<std::uint32_t>(value.type()));
    out.insert(out.end(), value.bytes().begin(), value.bytes().end());
  }
  for (const auto& tensor : header.tensors) {
    append_text(out, tensor.name);
    append_little(out, tensor.n_dims);
    for (std::uint32_t d = 0; d < tensor.n_dims; ++d) append_little(out, tensor.ne[d]);
    append_little(out, static_cast<std::uint32_t>(tensor.type));
    append_little(out, tensor.offset);
  }
  return out;
}

}  // namespace

Result<std::vector<std::byte>> encode_header(Header& header) {
  COE_TRY_STATUS(check_keys(header));
  COE_TRY(const auto data_bytes, lay_out(header.tensors, header.alignment));
  auto bytes = encode(header);
  const auto data_offset =
      header.tensors.empty() ? bytes.size() : checked_align(bytes.size(), header.alignment);
  const auto file_bytes = data_offset ? checked_add(*data_offset, data_bytes) : std::nullopt;
  if (!file_bytes) return bad("the file would pass 2^64 bytes");
  bytes.resize(*data_offset);
  header.version = kWrittenVersion;
  header.data_offset = *data_offset;
  header.file_bytes = *file_bytes;
  return bytes;
}

TensorData tensor_data(std::string name, TensorType type, const Dims& ne,
                       std::span<const std::byte> bytes) {
  TensorData data;
  data.info.name = std::move(name);
  data.info.type = type;
  for (const std::uint64_t n : ne) data.info.ne[data.info.n_dims++] = n;
  data.bytes.assign(bytes.begin(), bytes.end());
  return data;
}

Status write_gguf(const Path& path, std::vector<KeyValue> keys, std::span<const TensorData> tensors,
                  Overwrite overwrite) {
  Header header;
  header.keys = std::move(keys);
  if (const Value* alignment = header.find_key(kAlignmentKey); alignment != nullptr)
    header.alignment = alignment->as_uint().value_or(0);
  for (const auto& tensor : tensors) header.tensors.push_back(tensor.info);
  COE_TRY(const auto head, encode_header(header));
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].bytes.size() != header.tensors[i].n_bytes)
      return bad(fmt::format("tensor `{}` has the wrong amount of data ({} bytes vs {})",
                             header.tensors[i].name, tensors[i].bytes.size(),
                             header.tensors[i].n_bytes));
  COE_TRY(auto file, AtomicFile::create(path, overwrite));
  COE_TRY_STATUS(file.write(head));
  std::vector<std::byte> padding;
  for (const auto& tensor : tensors) {
    COE_TRY_STATUS(file.write(tensor.bytes));
    padding.resize((header.alignment - tensor.bytes.size() % header.alignment) % header.alignment);
    COE_TRY_STATUS(file.write(padding));
  }
  return file.commit();
}

}  // namespace coe::gguf
