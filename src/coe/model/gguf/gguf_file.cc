#include "coe/base/file.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/model/gguf/gguf_source.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/typed_keys.h"
#include "coe/model/gguf/value.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <unistd.h>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coe::gguf {
namespace {

constexpr std::string_view kSplitPrefix = "split.";
constexpr std::string_view kExtension = ".gguf";
constexpr std::uint64_t kMaxParts = 99999;  // five digits in the name

std::string part_suffix(std::size_t index, std::size_t n_part) {
  return fmt::format("-{:05}-of-{:05}{}", index + 1, n_part, kExtension);
}

// 1 for a file that is whole. Errors: kCorrupt.
Result<std::size_t> count_parts(const Header& header, std::string_view name) {
  if (header.find_key("split.count") == nullptr) return std::size_t{1};
  const auto count = count_at(header, "split.count");
  const auto number = count_at(header, "split.no");
  if (!count || *count > kMaxParts)
    return fail(Code::kCorrupt, fmt::format("{}: key `split.count` is no usable count", name),
                "the file is damaged: download or copy it again");
  if (*count <= 1) return std::size_t{1};
  if (number.value_or(0) != 0)
    return fail(
        Code::kInvalidArgument,
        fmt::format("{}: is part {} of a split model of {} parts", name, *number + 1, *count),
        fmt::format("give the first part, …{}", part_suffix(0, *count)));
  return static_cast<std::size_t>(*count);
}

// Returns where part `index` lies beside the first one. Errors: kInvalidArgument when the first is
// not named like a part.
Result<Path> sibling(const Path& first, std::size_t index, std::size_t n_part) {
  std::string name = first.filename().string();
  const std::string own = part_suffix(0, n_part);
  if (!name.ends_with(own))
    return fail(Code::kInvalidArgument,
                fmt::format("{}: is the first of {} parts, but its name does not end in `{}`",
                            first.string(), n_part, own),
                "give the parts the names that they were published with");
  name.resize(name.size() - own.size());
  return first.parent_path() / (name + part_suffix(index, n_part));
}

}  // namespace

Path part_name(const Path& whole, std::size_t index, std::size_t n_part) {
  std::string name = whole.filename().string();
  if (name.ends_with(kExtension)) name.resize(name.size() - kExtension.size());
  return whole.parent_path() / (name + part_suffix(index, n_part));
}

std::vector<std::size_t> part_starts(std::span<const std::uint64_t> sizes,
                                     std::uint64_t max_bytes) {
  std::vector<std::size_t> starts = {0};
  std::uint64_t used = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (max_bytes != 0 && i > starts.back() && used + sizes[i] > max_bytes) {
      starts.push_back(i);
      used = 0;
    }
    used += sizes[i];
  }
  return starts;
}

std::vector<KeyValue> part_keys(std::size_t index, std::size_t n_part, std::size_t n_tensor) {
  return {{"split.no", Value::u16(static_cast<std::uint16_t>(index))},
          {"split.count", Value::u16(static_cast<std::uint16_t>(n_part))},
          {"split.tensors.count", Value::i32(static_cast<std::int32_t>(n_tensor))}};
}

Result<GgufFile::Part> GgufFile::open_part(const Path& path) {
  COE_TRY(auto file, MappedFile::open(path));
  const auto bytes = file.bytes();
  COE_TRY(auto header, parse_header(bytes, bytes.size(), path.string()));
  file.release();  // from here on bytes are read, not mapped
  struct stat opened{};
  if (::fstat(file.fd(), &opened) != 0) return tl::unexpected(io_error(path, "stat"));
  return Part{.file = std::move(file), .header = std::move(header), .path = path, .opened = opened};
}

Result<GgufFile> GgufFile::open(const Path& path) {
  GgufFile model;
  COE_TRY(auto first, open_part(path));
  COE_TRY(const auto n_part, count_parts(first.header, path.string()));
  model.parts_.push_back(std::move(first));
  for (std::size_t i = 1; i < n_part; ++i) {
    COE_TRY(const auto name, sibling(path, i, n_part));
    auto part = open_part(name);
    if (!part) {
      Error error = std::move(part).error();
      if (error.code == Code::kNotFound)
        error.hint = fmt::format("all {} parts of a split model must lie in one folder", n_part);
      return tl::unexpected(std::move(error));
    }
    model.parts_.push_back(*std::move(part));
  }
  COE_TRY_STATUS(model.join());
  return model;
}

GgufFile GgufFile::of(std::shared_ptr<const GgufSource> source) {
  GgufFile model;
  model.header_ = source->header();
  model.parts_.push_back({.file = {}, .header = model.header_, .path = source->name()});
  model.parts_.back().source = std::move(source);
  return model;
}

Result<GgufFile> GgufFile::open_parts(std::span<const Path> files) {
  GgufFile model;
  for (const Path& file : files) {
    COE_TRY(auto part, open_part(file));
    model.parts_.push_back(std::move(part));
  }
  COE_TRY(const auto n_part, count_parts(model.parts_.at(0).header, files.front().string()));
  if (n_part != files.size())
    return fail(Code::kCorrupt, fmt::format("{}: says that it is one of {} parts, and {} are given",
                                            files.front().string(), n_part, files.size()));
  COE_TRY_STATUS(model.join());
  return model;
}

Status GgufFile::join() {
  const Header& first = parts_[0].header;
  header_ = {first.version, first.alignment, {}, {}, first.data_offset, 0};
  for (const auto& item : first.keys)
    if (!item.key.starts_with(kSplitPrefix)) header_.keys.push_back(item);
  const auto contradicts = [](const Part& part, std::string_view what) {
    return fail(Code::kCorrupt, fmt::format("{}: {}", part.path.string(), what),
                "the parts are damaged or do not belong together: download them again");
  };
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    if (i > 0 && (count_at(part.header, "split.no") != i ||
                  count_at(part.header, "split.count") != parts_.size()))
      return contradicts(part,
                         fmt::format("does not call itself part {} of {}", i + 1, parts_.size()));
    header_.file_bytes += part.header.file_bytes;
    for (const auto& tensor : part.header.tensors) {
      if (!seen.insert(tensor.name).second)
        return contradicts(
            part, fmt::format("tensor `{}` is in an earlier part too", printable(tensor.name)));
      header_.tensors.push_back(tensor);
      header_.tensors.back().part = static_cast<std::uint32_t>(i);
    }
  }
  const auto expected = count_at(first, "split.tensors.count");
  if (parts_.size() > 1 && expected && *expected != header_.tensors.size())
    return contradicts(parts_[0], fmt::format("key `split.tensors.count` is {}, the parts have {}",
                                              *expected, header_.tensors.size()));
  return {};
}

Status GgufFile::read_part(std::size_t part, std::uint64_t position,
                           std::span<std::byte> out) const {
  const Part& from = parts_[part];
  if (from.source) return from.source->read(position, out);
  COE_TRY(const auto n, read_at(from.file->fd(), position, out, from.path));
  if (n == out.size()) return {};
  return fail(Code::kIo,
              fmt::format("{}: became shorter while it was being read (no byte {})",
                          from.path.string(), position + n),
              "leave the file alone until the work is done");
}

Status GgufFile::read(const TensorInfo& tensor, std::uint64_t offset,
                      std::span<std::byte> out) const {
  COE_CHECK(offset <= tensor.n_bytes && out.size() <= tensor.n_bytes - offset);
  return read_part(tensor.part, this->position(tensor) + offset, out);
}

Status GgufFile::check_unchanged() const {
  for (const Part& part : parts_) {
    if (part.source) {
      COE_TRY_STATUS(part.source->check_unchanged());
      continue;
    }
    struct stat now{};
    if (::fstat(part.file->fd(), &now) != 0) return tl::unexpected(io_error(part.path, "stat"));
    if (now.st_size == part.opened.st_size && now.st_mtim.tv_sec == part.opened.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == part.opened.st_mtim.tv_nsec)
      continue;
    return fail(Code::kMismatch,
                fmt::format("{}: changed while it was being read", part.path.string()),
                "leave the file alone until the work is done, and run the same command again");
  }
  return {};
}

void GgufFile::will_need(std::size_t part, std::uint64_t position, std::uint64_t n_bytes) const {
  if (!parts_[part].file) return;
  ::posix_fadvise(part_fd(part), static_cast<off_t>(position), static_cast<off_t>(n_bytes),
                  POSIX_FADV_WILLNEED);
}

Result<std::vector<std::byte>> GgufFile::read_all(const TensorInfo& tensor) const {
  std::vector<std::byte> out(tensor.n_bytes);
  COE_TRY_STATUS(read(tensor, 0, out));
  return out;
}

}  // namespace coe::gguf
