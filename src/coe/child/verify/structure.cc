#include "coe/child/verify/structure.h"

#include "coe/base/checked.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/child/verify/findings.h"
#include "coe/child/verify/names.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

namespace coe {
namespace {

// Keys that say something about the model: all but the records of the cut and the list of
// ancestors.
std::vector<const gguf::KeyValue*> model_keys(const gguf::Header& header) {
  std::vector<const gguf::KeyValue*> keys;
  for (const auto& item : header.keys)
    if (std::ranges::find(kRecordKeys, item.key) == kRecordKeys.end() && item.key != kNameRecord &&
        item.key != kUsedRecord && !lists_ancestors(item.key))
      keys.push_back(&item);
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

// Returns the bytes of the header before its padding, from the layout of the format.
std::uint64_t header_bytes(const gguf::Header& header) {
  std::uint64_t n = 4 + 4 + 8 + 8;
  for (const auto& [key, value] : header.keys) n += text_bytes(key) + 4 + value.bytes().size();
  for (const auto& tensor : header.tensors)
    n += text_bytes(tensor.name) + 4 + std::uint64_t{8} * tensor.n_dims + 4 + 8;
  return n;
}

Status check_zero(const gguf::GgufFile& file, std::size_t part, std::uint64_t from,
                  std::uint64_t to, std::string_view after, Findings& findings) {
  const std::uint64_t end = std::min(to, file.part_header(part).file_bytes);
  std::vector<std::byte> bytes(from < end ? end - from : 0);
  COE_TRY_STATUS(file.read_part(part, from, bytes));
  const auto found = std::ranges::find_if(bytes, [](auto byte) { return byte != std::byte{0}; });
  if (found != bytes.end())
    findings.add("file", fmt::format("padding after {} is not zero at byte {}", after,
                                     from + static_cast<std::uint64_t>(found - bytes.begin())));
  return {};
}

// Takes "blk.N" off the front of a tensor's name, where a dot follows, and returns N; nullopt for
// other names.
std::optional<std::uint32_t> take_block(std::string_view& name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::uint32_t block = 0;
  const auto* const end = name.data() + name.size();
  const auto [stop, ec] = std::from_chars(name.data() + kPrefix.size(), end, block);
  if (ec != std::errc{} || stop == end || *stop != '.') return std::nullopt;
  name = {stop, static_cast<std::size_t>(end - stop)};
  return block;
}

// Judges by name and shape how a tensor is cut: routers and their biases, selection biases, every
// `*_exps` tensor whose last dimension is n_expert, chunk tensors, tables of expert ids.
TensorPair classify(const gguf::TensorInfo& tensor, std::uint32_t n_expert) {
  constexpr std::size_t kChunkAxis = 2;  // chunk tensors are matrices
  TensorPair pair{&tensor, nullptr, PairKind::kWhole, {}, 1, tensor.last_axis()};
  std::string_view name = tensor.name;
  const auto block = take_block(name);
  if (!block) return pair;
  pair.layer.value = *block;
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  // The scale is that of the experts, as some files of Ollama's call it.
  const bool router = name == ".ffn_gate_inp.weight" || name == ".ffn_gate_inp.bias" ||
                      name == ".ffn_gate_inp.per_expert_scale";
  const bool expert =
      name.starts_with(".ffn_") && has("_exps.") && !name.starts_with(".ffn_norm_exps.");
  const std::uint64_t last = tensor.last_dim();
  const std::uint64_t n_chunk = tensor.ne[kChunkAxis];
  if ((router || expert || name.starts_with(".exp_probs_b")) && last == n_expert) {
    pair.kind = PairKind::kExperts;
    pair.n_slab = n_expert;
  } else if (has("_chexps.") && n_chunk > 0 && n_expert % n_chunk == 0) {
    pair.kind = PairKind::kChunks;
    pair.n_slab = static_cast<std::uint32_t>(n_chunk);
    pair.axis = kChunkAxis;
  } else if (has("tid2eid.")) {
    pair.kind = PairKind::kTokenTable;
  }
  return pair;
}

// The bias that a zeroed child closes its router with.
bool closes_router(const gguf::TensorInfo& tensor, const MoeModel& model) {
  if (model.gating == Gating::kSoftmaxWeight) return tensor.name.ends_with(".ffn_gate_inp.bias");
  return model.gating != Gating::kSoftmax && tensor.name.find(".exp_probs_b") != std::string::npos;
}

bool in_mtp_block(std::string_view name, const MoeModel& model) {
  const auto block = take_block(name);
  return block && *block < model.n_block && *block >= model.n_block - model.n_mtp;
}

// Returns how many of the model's groups still have experts, by the first layer's.
std::uint32_t live_groups(const KeptExperts& kept, const MoeModel& model) {
  std::set<std::uint32_t> groups;
  if (!kept.empty())
    for (const ExpertId id : kept.begin()->second)
      groups.insert(id.value / (model.n_expert / model.n_expert_group));
  return static_cast<std::uint32_t>(groups.size());
}

// Values that a key must have in the child; nullopt: the parent's.
std::optional<gguf::Value> changed_value(const gguf::KeyValue& item, const MoeModel& model,
                                         const CutForm& form, const KeptExperts& kept) {
  const std::string prefix = model.id.architecture + ".";
  if (!item.key.starts_with(prefix)) return std::nullopt;
  const auto name = std::string_view(item.key).substr(prefix.size());
  if (!form.zero && name == "expert_count") return gguf::Value::u32(form.n_keep);
  if (form.n_used > 0 && name == "expert_used_count") return gguf::Value::u32(form.n_used);
  if (!form.zero && model.n_expert_group > 1) {
    const std::uint32_t live = live_groups(kept, model);
    // Grouping ends where a token would use every group that is left.
    const bool fewer = live != 0 && live < model.n_expert_group;
    const bool off = live <= model.n_group_used;
    if (fewer && name == "expert_group_count") return gguf::Value::u32(off ? 0 : live);
    if (fewer && name == "expert_group_used_count")
      return gguf::Value::u32(off ? 0 : model.n_group_used);
  }
  if (!form.mtp_dropped) return std::nullopt;
  const std::uint32_t n_block = model.n_block - model.n_mtp;
  if (name == "block_count") return gguf::Value::u32(n_block);
  if (name == "nextn_predict_layers") return gguf::Value::u32(0);
  if (name == "rope.dimension_sections") return std::nullopt;  // four, however many blocks
  if (item.value.is_array() && item.value.array_size() == model.n_block)
    return item.value.first_elements(n_block);
  return std::nullopt;
}

}  // namespace

void check_keys(const gguf::Header& parent, const gguf::Header& child, const MoeModel& model,
                const CutForm& form, const KeptExperts& kept, Findings& findings) {
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
    const auto changed = changed_value(*item, model, form, kept);
    if (!names_the_model(item->key))
      compare_value({item->key, changed.value_or(item->value)}, *match->second, findings);
    by_name.erase(match);
    order.push_back(item->key);
  }
  std::size_t next = 0;
  bool in_order = true;
  for (const auto* item : model_keys(child)) {
    if (by_name.contains(item->key)) {
      // Records of later versions of coe say nothing about the model.
      if (!item->key.starts_with("coe.") && !names_the_model(item->key))
        findings.add(key_place(item->key), "is not in the parent");
    } else if (in_order && item->key != order[next++]) {
      findings.add(key_place(item->key),
                   fmt::format("stands where `{}` stood", printable(order[next - 1])));
      in_order = false;
    }
  }
}

std::vector<TensorPair> check_tensors(const gguf::Header& parent, const gguf::Header& child,
                                      const MoeModel& model, const CutForm& form,
                                      const HealRecord& healed, Findings& findings) {
  if (parent.alignment != child.alignment)
    findings.add(
        "file", fmt::format("has another alignment ({} vs {})", child.alignment, parent.alignment));
  std::unordered_map<std::string_view, const gguf::TensorInfo*> by_name;
  for (const auto& tensor : child.tensors) by_name.emplace(tensor.name, &tensor);
  std::vector<TensorPair> pairs;
  std::vector<std::string_view> order;  // of the tensors that the child must have
  for (const auto& tensor : parent.tensors) {
    if (form.mtp_dropped && in_mtp_block(tensor.name, model)) continue;
    order.push_back(tensor.name);
    const auto match = by_name.find(tensor.name);
    if (match == by_name.end()) {
      findings.add(tensor.name, "is missing");
      continue;
    }
    const gguf::TensorInfo& found = *match->second;
    by_name.erase(match);
    TensorPair pair = classify(tensor, model.n_expert);
    pair.child = &found;
    gguf::TensorInfo expected = tensor;
    const bool slabs = pair.kind == PairKind::kExperts || pair.kind == PairKind::kChunks;
    if (slabs && !form.zero)
      expected.ne[pair.axis] = std::uint64_t{form.n_keep} * pair.n_slab / model.n_expert;
    if (slabs && form.zero && closes_router(tensor, model)) pair.kind = PairKind::kClosingBias;
    const bool is_healed = healed.contains(tensor.name);
    if (is_healed && pair.kind != PairKind::kWhole)
      findings.add(tensor.name, "has experts, which are never healed");
    else if (is_healed)
      pair.kind = PairKind::kHealed;
    if (found.type != expected.type && pair.kind != PairKind::kHealed)
      findings.add(tensor.name,
                   fmt::format("has another type ({} vs {})", gguf::traits(found.type).name,
                               gguf::traits(expected.type).name));
    else if (found.n_dims != expected.n_dims || found.ne != expected.ne)
      findings.add(tensor.name, fmt::format("has another shape ({} vs {})", shape_text(found),
                                            shape_text(expected)));
    else
      pairs.push_back(pair);
  }
  for (const auto& tensor : child.tensors)
    if (by_name.contains(tensor.name)) findings.add(printable(tensor.name), "is not in the parent");
  const bool same_set = by_name.empty() && child.tensors.size() == order.size();
  for (std::size_t i = 0; same_set && i < order.size(); ++i)
    if (order[i] != child.tensors[i].name) {
      findings.add(printable(child.tensors[i].name),
                   fmt::format("stands where `{}` stood", printable(order[i])));
      break;
    }
  return pairs;
}

Status check_padding(const gguf::GgufFile& child, Findings& findings) {
  for (std::size_t part = 0; part < child.n_part(); ++part) {
    const gguf::Header& header = child.part_header(part);
    COE_TRY_STATUS(
        check_zero(child, part, header_bytes(header), header.data_offset, "the header", findings));
    std::uint64_t end = header.data_offset;
    for (const auto& tensor : header.tensors) {
      const std::uint64_t start = header.data_offset + tensor.offset;
      // The reader has checked that padded sizes do not overflow.
      const auto padded = checked_align(tensor.n_bytes, header.alignment);
      end = start + padded.value_or(tensor.n_bytes);
      COE_TRY_STATUS(check_zero(child, part, start + tensor.n_bytes, end,
                                fmt::format("tensor `{}`", printable(tensor.name)), findings));
    }
    if (header.file_bytes != end)
      findings.add("file",
                   fmt::format("has the wrong length ({} bytes vs {}){}", header.file_bytes, end,
                               child.n_part() == 1 ? "" : fmt::format(" in part {}", part + 1)));
  }
  return {};
}

}  // namespace coe
