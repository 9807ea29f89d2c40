#include "make_model/write.h"

#include "coe/base/hash.h"
#include "coe/base/rng.h"
#include "coe/base/text.h"
#include "coe/gguf/tensor_type.h"
#include "coe/gguf/writer.h"

#include "make_model/fill.h"
#include "make_model/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace coe::tools {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{4} << 20;

// Runs of tensors, one for each file.
std::vector<std::span<const SyntheticTensor>> split_tensors(
    std::span<const SyntheticTensor> tensors, const std::vector<std::uint64_t>& n_bytes,
    std::uint64_t max_bytes) {
  std::vector<std::span<const SyntheticTensor>> shards;
  std::size_t first = 0;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (max_bytes != 0 && i > first && sum + n_bytes[i] > max_bytes) {
      shards.push_back(tensors.subspan(first, i - first));
      first = i;
      sum = 0;
    }
    sum += n_bytes[i];
  }
  shards.push_back(tensors.subspan(first));
  return shards;
}

Result<gguf::Header> lay_out(std::vector<gguf::KeyValue> keys,
                             std::span<const SyntheticTensor> tensors,
                             std::vector<std::byte>& bytes) {
  gguf::Header header;
  header.keys = std::move(keys);
  for (const auto& tensor : tensors) header.tensors.push_back(tensor.info);
  COE_TRY(bytes, gguf::encode_header(header));
  return header;
}

// Model keys live in the first shard; every shard says which one it is.
std::vector<gguf::KeyValue> shard_keys(SyntheticModel& model, std::size_t index,
                                       std::size_t n_shard) {
  std::vector<gguf::KeyValue> keys;
  if (index == 0) keys = std::move(model.keys);  // a vocabulary is large
  if (n_shard == 1) return keys;
  keys.push_back({"split.no", u16(static_cast<std::uint16_t>(index))});
  keys.push_back({"split.count", u16(static_cast<std::uint16_t>(n_shard))});
  keys.push_back({"split.tensors.count", i32(static_cast<std::int32_t>(model.tensors.size()))});
  return keys;
}

Path shard_path(const Path& output, std::size_t index, std::size_t n_shard) {
  if (n_shard == 1) return output;
  Path prefix = output;
  if (prefix.extension() == ".gguf") prefix.replace_extension();
  return fmt::format("{}-{:05}-of-{:05}.gguf", prefix.string(), index + 1, n_shard);
}

std::uint64_t tensor_seed(std::uint64_t seed, std::string_view name) {
  Hasher hasher;
  hasher.add(seed);
  hasher.add(name);
  const std::string digest = hasher.digest();
  std::uint64_t value = 0;
  const char* digits = digest.data() + std::string_view("xxh3:").size();
  std::from_chars(digits, digits + 16, value, 16);
  return value;
}

Status write_tensor(AtomicFile& file, const gguf::TensorInfo& info, Fill values,
                    std::uint64_t alignment, std::uint64_t seed, std::vector<std::byte>& buffer) {
  Rng rng(tensor_seed(seed, info.name));
  const std::uint64_t block_bytes = gguf::traits(info.type).block_bytes;
  const std::uint64_t chunk = kBufferBytes / block_bytes * block_bytes;
  for (std::uint64_t left = info.n_bytes; left > 0;) {
    const auto part = std::span(buffer).first(std::min(left, chunk));
    fill(info.type, values, part, rng);
    COE_TRY_STATUS(file.write(part));
    left -= part.size();
  }
  const std::vector<std::byte> padding((alignment - info.n_bytes % alignment) % alignment);
  return file.write(padding);
}

Status check_space(const Path& output, std::uint64_t needed) {
  COE_TRY(const auto available, free_space(output));
  if (available >= needed) return {};
  return fail(Code::kIo,
              fmt::format("{}: not enough space on the disk ({} free vs {} needed)",
                          output.string(), human_bytes(available), human_bytes(needed)),
              "give fewer --layers or another disk");
}

}  // namespace

Result<std::vector<WrittenFile>> write_model(SyntheticModel model, const WriteOptions& options) {
  std::vector<std::byte> head;
  std::vector<std::uint64_t> sizes;
  {
    COE_TRY(const auto whole, lay_out({}, model.tensors, head));
    COE_TRY_STATUS(check_space(options.output, whole.file_bytes));
    for (const auto& tensor : whole.tensors) sizes.push_back(tensor.n_bytes);
  }
  const auto shards = split_tensors(model.tensors, sizes, options.split_max_bytes);
  std::vector<AtomicFile> files;
  std::vector<WrittenFile> written;
  std::vector<std::byte> buffer(kBufferBytes);
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const Path path = shard_path(options.output, i, shards.size());
    COE_TRY(auto file, AtomicFile::create(path, options.overwrite));
    COE_TRY(const auto header, lay_out(shard_keys(model, i, shards.size()), shards[i], head));
    COE_TRY_STATUS(file.write(head));
    head = {};
    for (std::size_t t = 0; t < shards[i].size(); ++t)
      COE_TRY_STATUS(write_tensor(file, header.tensors[t], shards[i][t].values, header.alignment,
                                  options.seed, buffer));
    files.push_back(std::move(file));
    written.push_back({path, header.file_bytes, header.data_offset, header.tensors.size()});
  }
  for (auto& file : files) COE_TRY_STATUS(file.commit());
  return written;
}

}  // namespace coe::tools
