#include "coe/child/surgery/child_keys.h"

#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/child/surgery/names.h"
#include "coe/child/surgery/plan.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

// These keys describe the cut itself. A specialist that is cut again gets new ones; other coe.*
// keys are its parent's business and stay.
constexpr std::array<std::string_view, 7> kProvenanceKeys = {
    "coe.version",         "coe.mode",   "coe.parent.name", "coe.parent.digest",
    "coe.parent.n_expert", "coe.n_keep", "coe.mask"};

// A name that was given rather than made; it stands behind the others, where there is one.
constexpr std::string_view kNameKey = "coe.name";
// The number of experts used, where it is not the parent's.
constexpr std::string_view kUsedKey = "coe.n_used";

using Edits = std::map<std::string, gguf::Value, std::less<>>;

// Without its last blocks a model also has shorter per-layer arrays.
void drop_mtp_blocks(const gguf::Header& parent, const MoeModel& model, Edits& edits) {
  const std::string prefix = model.id.architecture + ".";
  const std::uint32_t n_block = model.n_block - model.n_mtp;
  // These are four sections of a head, in a model of four blocks too.
  const std::string sections = prefix + "rope.dimension_sections";
  for (const auto& [key, value] : parent.keys)
    if (key.starts_with(prefix) && key != sections && value.is_array() &&
        value.array_size() == model.n_block)
      edits.emplace(key, value.first_elements(n_block));
  edits.insert_or_assign(prefix + "block_count", gguf::Value::u32(n_block));
  edits.insert_or_assign(prefix + "nextn_predict_layers", gguf::Value::u32(0));
}

Edits slice_edits(const MoeModel& model, const KeepMask& mask) {
  const std::string prefix = model.id.architecture + ".";
  Edits edits;
  edits.emplace(prefix + "expert_count", gguf::Value::u32(mask.n_keep()));
  const std::uint32_t n_group = kept_groups(mask, model);
  if (model.n_expert_group > 1 && n_group < model.n_expert_group) {
    // As many groups left as a token uses: no grouping gives the same, and the engine demands
    // fewer.
    const bool grouped = n_group > model.n_group_used;
    edits.emplace(prefix + "expert_group_count", gguf::Value::u32(grouped ? n_group : 0));
    edits.emplace(prefix + "expert_group_used_count",
                  gguf::Value::u32(grouped ? model.n_group_used : 0));
  }
  return edits;
}

// The mask as it is embedded: complete, whatever form it was read from.
Result<KeepMask> native_mask(const KeepMask& mask, const MoeModel& model) {
  COE_TRY(auto native, KeepMask::of(model.n_expert, mask.layers()));
  native.parent = model.id;
  native.passes = mask.passes;
  return native;
}

}  // namespace

Result<std::vector<gguf::KeyValue>> child_keys(const gguf::Header& parent, const MoeModel& model,
                                               const KeepMask& mask, const SurgeryOptions& options,
                                               std::span<const gguf::TensorInfo> tensors) {
  if (!options.name.empty()) COE_TRY_STATUS(check_child_name(options.name));
  Edits edits;
  if (options.mode == SurgeryMode::kSlice) edits = slice_edits(model, mask);
  if (options.drop_mtp) drop_mtp_blocks(parent, model, edits);
  if (options.n_used > 0)
    edits.insert_or_assign(model.id.architecture + ".expert_used_count",
                           gguf::Value::u32(options.n_used));
  std::vector<gguf::KeyValue> keys;
  for (const auto& item : parent.keys) {
    const auto edit = edits.find(item.key);
    keys.push_back(edit == edits.end() ? item : gguf::KeyValue{item.key, edit->second});
  }
  if (options.provenance) keys = with_names(std::move(keys), model, mask, options, tensors);
  std::erase_if(keys, [](const gguf::KeyValue& item) {
    return item.key == kNameKey || item.key == kUsedKey ||
           std::ranges::find(kProvenanceKeys, item.key) != kProvenanceKeys.end();
  });
  if (!options.provenance) return keys;
  COE_TRY(const auto native, native_mask(mask, model));
  const std::string_view version =
      options.version.empty() ? tool_version() : std::string_view(options.version);
  const std::array values = {gguf::Value::string(version),
                             gguf::Value::string(mode_name(options.mode)),
                             gguf::Value::string(model.id.name),
                             gguf::Value::string(model.id.digest),
                             gguf::Value::u32(model.n_expert),
                             gguf::Value::u32(mask.n_keep()),
                             gguf::Value::string(mask_to_json(native, false))};
  static_assert(values.size() == kProvenanceKeys.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    keys.push_back({std::string(kProvenanceKeys[i]), values[i]});
  if (!options.name.empty())
    keys.push_back({std::string(kNameKey), gguf::Value::string(options.name)});
  if (options.n_used > 0) keys.push_back({std::string(kUsedKey), gguf::Value::u32(options.n_used)});
  return keys;
}

}  // namespace coe
