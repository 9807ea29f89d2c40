#include "coe/model/gguf/sidecar.h"

#include "coe/base/file.h"
#include "coe/base/hash.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/model/gguf/hashing.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/typed_keys.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::gguf {
namespace {

constexpr std::string_view kTypeKey = "general.type";
constexpr std::string_view kChecksumKey = "coe.checksum";

void add_keys(Hasher& hasher, const std::vector<KeyValue>& keys) {
  for (const auto& item : keys)
    if (item.key != kChecksumKey) add_key(hasher, item);
}

void add_tensor(Hasher& hasher, const TensorInfo& info, std::span<const std::byte> bytes) {
  add_tensor_head(hasher, info);
  hasher.add(bytes);
}

std::array<std::uint64_t, kMaxDims> all_dims(const Dims& ne) {
  std::array<std::uint64_t, kMaxDims> all{1, 1, 1, 1};
  std::ranges::copy(ne, all.begin());
  return all;
}

}  // namespace

void SidecarWriter::type(const SidecarKind& kind) { add(kTypeKey, Value::string(kind.type)); }

void SidecarWriter::version(const SidecarKind& kind, std::uint32_t version) {
  key(kind.version_key, version);
}

void SidecarWriter::add(std::string_view name, Value value) {
  keys_.push_back(KeyValue{std::string(name), std::move(value)});
}

Dims SidecarWriter::with_rows(Dims row, std::size_t n_value) {
  std::uint64_t n_column = 1;
  for (const auto n : row) n_column *= n;
  COE_CHECK(n_column > 0 && n_value % n_column == 0);
  row.push_back(n_value / n_column);
  return row;
}

Status SidecarWriter::write(const Path& path, Overwrite overwrite) && {
  Hasher hasher;
  add_keys(hasher, keys_);
  for (const auto& tensor : tensors_) add_tensor(hasher, tensor.info, tensor.bytes);
  add(kChecksumKey, Value::string(hasher.digest()));
  return write_gguf(path, std::move(keys_), tensors_, overwrite);
}

void SidecarReader::checksum() {
  if (!status_ || file_.header().find_key(kChecksumKey) == nullptr) return;
  std::string expected;
  key(kChecksumKey, expected);
  Hasher hasher;
  add_keys(hasher, file_.header().keys);
  for (const auto& tensor : file_.header().tensors) {
    const auto bytes = file_.read_all(tensor);
    if (!bytes) return check(tl::unexpected(bytes.error()));
    add_tensor(hasher, tensor, *bytes);
  }
  if (hasher.digest() != expected)
    refuse(Code::kCorrupt, "does not have the checksum that it says: it was damaged or edited",
           "copy it again, or make it again");
}

void SidecarReader::refuse(Code code, std::string message, std::string_view hint) {
  check(fail(code, std::move(message), std::string(hint)));
}

void SidecarReader::check(Status status) {
  if (status_) status_ = std::move(status);
}

void SidecarReader::type(const SidecarKind& kind) {
  if (!status_) return;
  const Header& header = file_.header();
  const Value* value = header.find_key(kTypeKey);
  const auto type = value == nullptr ? std::nullopt : value->as_string();
  if (type == kind.type) return;
  if (type == "model" || (!type && header.find_key("general.architecture") != nullptr))
    refuse(Code::kCorrupt, fmt::format("a model, not a {}", kind.what), kind.how_to_make);
  else if (!type)
    refuse(Code::kCorrupt, fmt::format("no `{}` that says it is a {}", kTypeKey, kind.what),
           kind.how_to_make);
  else
    refuse(Code::kCorrupt, fmt::format("holds a `{}`, not a {}", printable(*type), kind.what),
           kind.how_to_make);
}

void SidecarReader::version(const SidecarKind& kind, std::uint32_t& version) {
  key(kind.version_key, version);
  if (!status_) return;
  if (version == 0)
    refuse(Code::kCorrupt, fmt::format("{} version 0 does not exist", kind.what));
  else if (version > kind.newest_version)
    refuse(Code::kUnsupported,
           fmt::format("{} version {} is newer than this program (it reads {})", kind.what, version,
                       kind.newest_version),
           kind.how_to_read_newer);
}

const Value* SidecarReader::find(std::string_view name, ValueType type) {
  if (!status_) return nullptr;
  const auto value = find_value(file_.header(), name, type);
  if (value) return *value;
  check(tl::unexpected(value.error()));
  return nullptr;
}

const Value* SidecarReader::find_array(std::string_view name, ValueType element) {
  if (!status_) return nullptr;
  const auto value = gguf::find_array(file_.header(), name, element);
  if (value) return *value;
  check(tl::unexpected(value.error()));
  return nullptr;
}

void SidecarReader::key(std::string_view name, std::string& value) {
  if (const Value* found = find(name, ValueType::kString); found != nullptr)
    value = std::string(found->as_string().value());
}

void SidecarReader::key(std::string_view name, std::uint32_t& value) {
  if (const Value* found = find(name, ValueType::kU32); found != nullptr)
    value = static_cast<std::uint32_t>(found->as_uint().value());
}

void SidecarReader::key(std::string_view name, std::uint64_t& value) {
  if (const Value* found = find(name, ValueType::kU64); found != nullptr)
    value = found->as_uint().value();
}

void SidecarReader::key(std::string_view name, std::int64_t& value) {
  if (const Value* found = find(name, ValueType::kU64); found != nullptr)
    value = static_cast<std::int64_t>(found->as_uint().value());
}

void SidecarReader::key(std::string_view name, double& value) {
  if (const Value* found = find(name, ValueType::kF64); found != nullptr)
    value = found->as_float().value();
}

void SidecarReader::array(std::string_view name, std::vector<std::uint32_t>& values) {
  const Value* found = find_array(name, ValueType::kU32);
  if (found == nullptr) return;
  const auto numbers = found->as_uint_array().value();
  for (const auto number : numbers) values.push_back(static_cast<std::uint32_t>(number));
}

void SidecarReader::array(std::string_view name, std::vector<std::string>& values) {
  if (const Value* found = find_array(name, ValueType::kString); found != nullptr)
    values = found->as_string_array().value();
}

void SidecarReader::array(std::string_view name, std::vector<double>& values) {
  if (const Value* found = find_array(name, ValueType::kF64); found != nullptr)
    values = found->as_float_array().value();
}

bool SidecarReader::check_length(std::string_view name, std::size_t found, std::size_t expected) {
  if (status_ && found != expected)
    refuse(Code::kCorrupt,
           fmt::format("key `{}` has another length ({} vs {})", name, found, expected));
  return status_.has_value();
}

bool SidecarReader::has(std::string_view name, bool /*there*/) const {
  const Header& header = file_.header();
  return header.find_key(name) != nullptr || header.find_tensor(name) != nullptr;
}

const TensorInfo* SidecarReader::find_rows(std::string_view name, TensorType type,
                                           const Dims& row) {
  const auto* info = file_.header().find_tensor(name);
  auto ne = row;
  ne.push_back(info == nullptr ? 0 : info->ne[row.size()]);
  return find_tensor(name, type, ne);
}

const TensorInfo* SidecarReader::find_tensor(std::string_view name, TensorType type,
                                             const Dims& ne) {
  if (!status_) return nullptr;
  const auto* info = file_.header().find_tensor(name);
  if (info == nullptr)
    refuse(Code::kCorrupt, fmt::format("tensor `{}` is missing", name));
  else if (info->type != type)
    refuse(Code::kCorrupt, fmt::format("tensor `{}` has another type ({} vs {})", name,
                                       traits(info->type).name, traits(type).name));
  else if (const auto expected = all_dims(ne); info->ne != expected)
    refuse(Code::kCorrupt, fmt::format("tensor `{}` has another shape ([{}] vs [{}])", name,
                                       fmt::join(info->ne, ", "), fmt::join(expected, ", ")));
  if (!status_) return nullptr;
  seen_.emplace(name);
  return info;
}

void SidecarReader::tensor(std::string_view name, std::int64_t& value) {
  if (const auto* info = find_tensor(name, TensorType::kI64, {1}); info != nullptr)
    read(*info, std::as_writable_bytes(std::span(&value, 1)));
}

void SidecarReader::read(const TensorInfo& info, std::span<std::byte> out) {
  check(file_.read(info, 0, out));
}

void SidecarReader::nothing_else(const SidecarKind& kind) {
  for (const auto& tensor : file_.header().tensors)
    if (status_ && !seen_.contains(tensor.name))
      refuse(Code::kCorrupt, fmt::format("tensor `{}` does not belong into a {}",
                                         printable(tensor.name), kind.what));
}

}  // namespace coe::gguf
