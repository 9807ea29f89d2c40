#include "make_model/write.h"

#include "coe/base/hash.h"
#include "coe/base/rng.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/writer.h"

#include "make_model/fill.h"

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
  for (auto& item : gguf::part_keys(index, n_shard, model.tensors.size()))
    keys.push_back(std::move(item));
  return keys;
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

}  // namespace

Result<std::vector<WrittenFile>> write_model(SyntheticModel model, const WriteOptions& options) {
  std::vector<std::byte> head;
  std::vector<std::uint64_t> sizes;
  {
    COE_TRY(const auto whole, lay_out({}, model.tensors, head));
    COE_TRY_STATUS(check_space(options.output, whole.file_bytes));
    for (const auto& tensor : whole.tensors) sizes.push_back(tensor.n_bytes);
  }
  const auto starts = gguf::part_starts(sizes, options.split_max_bytes);
  std::vector<AtomicFile> files;
  std::vector<WrittenFile> written;
  std::vector<std::byte> buffer(kBufferBytes);
  const std::size_t n_shard = starts.size();
  for (std::size_t i = 0; i < n_shard; ++i) {
    const Path path = n_shard == 1 ? options.output : gguf::part_name(options.output, i, n_shard);
    const std::size_t end = i + 1 < n_shard ? starts[i + 1] : model.tensors.size();
    const auto shard =
        std::span<const SyntheticTensor>(model.tensors).subspan(starts[i], end - starts[i]);
    COE_TRY(auto file, AtomicFile::create(path, options.overwrite));
    COE_TRY(const auto header, lay_out(shard_keys(model, i, n_shard), shard, head));
    COE_TRY_STATUS(file.write(head));
    head = {};
    for (std::size_t t = 0; t < shard.size(); ++t)
      COE_TRY_STATUS(write_tensor(file, header.tensors[t], shard[t].values, header.alignment,
                                  options.seed, buffer));
    files.push_back(std::move(file));
    written.push_back({path, header.file_bytes, header.data_offset, header.tensors.size()});
  }
  for (auto& file : files) COE_TRY_STATUS(file.commit());
  return written;
}

}  // namespace coe::tools
