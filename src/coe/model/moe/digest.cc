// Decides whether two files are the same model.
#include "coe/base/hash.h"
#include "coe/base/printable.h"
#include "coe/model/gguf/hashing.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/arch_table.h"
#include "coe/model/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

namespace {

constexpr std::uint64_t kDigestEdge = 4096;

}  // namespace

Result<std::string> model_digest(const gguf::GgufFile& file) {
  std::vector<const gguf::TensorInfo*> sorted;
  for (const auto& tensor : file.header().tensors) sorted.push_back(&tensor);
  std::ranges::sort(sorted, {},
                    [](const auto* tensor) -> std::string_view { return tensor->name; });
  Hasher hasher;
  std::vector<std::byte> bytes;
  const auto add = [&](const gguf::TensorInfo& tensor, std::uint64_t offset, std::uint64_t n) {
    bytes.resize(n);
    auto status = file.read(tensor, offset, bytes);
    if (status) hasher.add(bytes);
    return status;
  };
  for (const auto* tensor : sorted) {
    gguf::add_tensor_head(hasher, *tensor);
    const auto name = split_block_name(tensor->name);
    if (name && name->suffix == kRouterSuffix) {
      COE_TRY_STATUS(add(*tensor, 0, tensor->n_bytes));
    } else {
      const auto edge = std::min<std::uint64_t>(tensor->n_bytes, kDigestEdge);
      COE_TRY_STATUS(add(*tensor, 0, edge));
      COE_TRY_STATUS(add(*tensor, tensor->n_bytes - edge, edge));
    }
  }
  return hasher.digest();
}

std::string metadata_digest(const gguf::Header& header) {
  const auto* architecture = header.find_key("general.architecture");
  const auto name = architecture == nullptr ? std::nullopt : architecture->as_string();
  const auto prefix = std::string(name.value_or("")) + ".";
  Hasher hasher;
  hasher.add_sized(prefix);
  for (const auto& item : header.keys)
    if (item.key.starts_with(prefix) || item.key.starts_with("tokenizer."))
      gguf::add_key(hasher, item);
  return hasher.digest();
}

Status check_same_model(const ModelId& expected, const ModelId& found, std::string_view what) {
  const auto refuse = [&](std::string_view property, std::string_view a, std::string_view b) {
    return fail(Code::kMismatch,
                fmt::format("{}: made for another model ({} `{}` vs `{}`)", what, property,
                            printable(a), printable(b)),
                "use files made from the same parent, or make this one again");
  };
  // Fields are empty where a file does not say.
  if (!found.architecture.empty() && !expected.architecture.empty() &&
      found.architecture != expected.architecture)
    return refuse("architecture", found.architecture, expected.architecture);
  if (found.digest.empty() || expected.digest.empty() || found.digest == expected.digest) return {};
  if (!found.name.empty() && found.name != expected.name)
    return refuse("name", found.name, expected.name);
  return refuse("digest", found.digest, expected.digest);
}

}  // namespace coe
