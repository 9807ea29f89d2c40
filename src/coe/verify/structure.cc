#include "coe/verify/structure.h"

#include "coe/base/checked.h"
#include "coe/gguf/printable.h"
#include "coe/gguf/reader.h"
#include "coe/gguf/tensor_type.h"
#include "coe/gguf/value.h"
#include "coe/moe/ids.h"
#include "coe/verify/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

namespace coe {
namespace {

using gguf::printable;

std::string key_place(std::string_view key) { return fmt::format("key `{}`", printable(key)); }

// Keys that say something about the model: all but the records of the cut.
std::vector<const gguf::KeyValue*> model_keys(const gguf::Header& header) {
  std::vector<const gguf::KeyValue*> keys;
  for (const auto& item : header.keys)
    if (std::ranges::find(kRecordKeys, item.key) == kRecordKeys.end()) keys.push_back(&item);
  return keys;
}

void compare_value(const gguf::KeyValue& expected, const gguf::KeyValue& found,
                   Findings& findings) {
  if (expected.value == found.value) return;
  findings.add(key_place(expected.key),
               fmt::format("has another value ({} {} vs {} {})", type_name(found.value.type()),
                           found.value.preview(), type_name(expected.value.type()),
                           expected.value.preview()));
}

std::uint64_t text_bytes(std::string_view text) { return 8 + text.size(); }

// Bytes of the header before its padding, from the layout of the format.
std::uint64_t header_bytes(const gguf::Header& header) {
  std::uint64_t n = 4 + 4 + 8 + 8;
  for (const auto& [key, value] : header.keys) n += text_bytes(key) + 4 + value.bytes().size();
  for (const auto& tensor : header.tensors)
    n += text_bytes(tensor.name) + 4 + std::uint64_t{8} * tensor.n_dims + 4 + 8;
  return n;
}

void check_zero(std::span<const std::byte> file, std::uint64_t from, std::uint64_t to,
                std::string_view after, Findings& findings) {
  const std::uint64_t end = std::min<std::uint64_t>(to, file.size());
  for (std::uint64_t at = from; at < end; ++at)
    if (file[at] != std::byte{0}) {
      findings.add("file", fmt::format("padding after {} is not zero at byte {}", after, at));
      return;
    }
}

}  // namespace

std::optional<LayerId> expert_layer(const gguf::TensorInfo& tensor, std::uint32_t n_expert) {
  constexpr std::string_view kPrefix = "blk.";
  std::string_view name = tensor.name;
  if (!name.starts_with(kPrefix) || tensor.last_dim() != n_expert) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  std::uint32_t block = 0;
  const auto [stop, ec] = std::from_chars(name.data(), name.data() + name.size(), block);
  if (ec != std::errc{}) return std::nullopt;
  name.remove_prefix(static_cast<std::size_t>(stop - name.data()));
  const bool router = name == ".ffn_gate_inp.weight" || name == ".ffn_gate_inp.bias";
  const bool selection = name.starts_with(".exp_probs_b");
  const bool expert = name.starts_with(".ffn_") && name.find("_exps.") != std::string_view::npos &&
                      !name.starts_with(".ffn_norm_exps.");
  if (!router && !selection && !expert) return std::nullopt;
  return LayerId{block};
}

void check_keys(const gguf::Header& parent, const gguf::Header& child,
                std::string_view architecture, std::uint32_t n_keep, Findings& findings) {
  const std::string count_key = fmt::format("{}.expert_count", architecture);
  const auto expected = model_keys(parent);
  std::unordered_map<std::string_view, const gguf::KeyValue*> by_name;
  for (const auto* item : model_keys(child)) by_name.emplace(item->key, item);
  std::vector<std::string_view> order;  // of keys in both files, as the parent has them
  for (const auto* item : expected) {
    const auto match = by_name.find(item->key);
    if (match == by_name.end()) {
      findings.add(key_place(item->key), "is missing");
      continue;
    }
    const auto value = item->key == count_key ? gguf::Value::u32(n_keep) : item->value;
    compare_value({item->key, value}, *match->second, findings);
    by_name.erase(match);
    order.push_back(item->key);
  }
  std::size_t next = 0;
  bool in_order = true;
  for (const auto* item : model_keys(child)) {
    if (by_name.contains(item->key)) {
      // Records of later versions of coe say nothing about the model.
      if (!item->key.starts_with("coe."))
        findings.add(key_place(item->key), "is not in the parent");
    } else if (in_order && item->key != order[next++]) {
      findings.add(key_place(item->key),
                   fmt::format("stands where `{}` stood", printable(order[next - 1])));
      in_order = false;
    }
  }
}

std::vector<TensorPair> check_tensors(const gguf::Header& parent, const gguf::Header& child,
                                      std::uint32_t n_expert, std::uint32_t n_keep,
                                      Findings& findings) {
  if (parent.alignment != child.alignment)
    findings.add(
        "file", fmt::format("has another alignment ({} vs {})", child.alignment, parent.alignment));
  std::unordered_map<std::string_view, const gguf::TensorInfo*> by_name;
  for (const auto& tensor : child.tensors) by_name.emplace(tensor.name, &tensor);
  std::vector<TensorPair> pairs;
  bool same_set = child.tensors.size() == parent.tensors.size();
  for (const auto& tensor : parent.tensors) {
    const auto match = by_name.find(tensor.name);
    if (match == by_name.end()) {
      findings.add(tensor.name, "is missing");
      same_set = false;
      continue;
    }
    const gguf::TensorInfo& found = *match->second;
    by_name.erase(match);
    const auto layer = expert_layer(tensor, n_expert);
    gguf::TensorInfo expected = tensor;
    if (layer) expected.ne[expected.n_dims - 1] = n_keep;
    if (found.type != expected.type)
      findings.add(tensor.name,
                   fmt::format("has another type ({} vs {})", gguf::traits(found.type).name,
                               gguf::traits(expected.type).name));
    else if (found.n_dims != expected.n_dims || found.ne != expected.ne)
      findings.add(tensor.name, fmt::format("has another shape ({} vs {})", shape_text(found),
                                            shape_text(expected)));
    else
      pairs.push_back({&tensor, &found, layer});
  }
  for (const auto& tensor : child.tensors)
    if (by_name.contains(tensor.name)) findings.add(printable(tensor.name), "is not in the parent");
  for (std::size_t i = 0; same_set && i < parent.tensors.size(); ++i)
    if (parent.tensors[i].name != child.tensors[i].name) {
      findings.add(printable(child.tensors[i].name),
                   fmt::format("stands where `{}` stood", printable(parent.tensors[i].name)));
      break;
    }
  return pairs;
}

void check_padding(const gguf::GgufFile& child, Findings& findings) {
  const gguf::Header& header = child.header();
  const auto bytes = child.bytes();
  check_zero(bytes, header_bytes(header), header.data_offset, "the header", findings);
  std::uint64_t end = header.data_offset;
  for (const auto& tensor : header.tensors) {
    const std::uint64_t stop = child.position(tensor) + tensor.n_bytes;
    // The reader has checked that padded sizes do not overflow.
    const auto padded = checked_align(tensor.n_bytes, header.alignment);
    end = child.position(tensor) + padded.value_or(tensor.n_bytes);
    check_zero(bytes, stop, end, fmt::format("tensor `{}`", printable(tensor.name)), findings);
  }
  if (bytes.size() != end)
    findings.add("file", fmt::format("has the wrong length ({} bytes vs {})", bytes.size(), end));
}

}  // namespace coe
