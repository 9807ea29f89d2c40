#include "coe/surgery/plan.h"

#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/gguf/reader.h"
#include "coe/gguf/value.h"
#include "coe/gguf/writer.h"
#include "coe/mask/keep_mask.h"
#include "coe/moe/ids.h"
#include "coe/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
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

// What describes the cut itself. A specialist that is cut again gets new ones; other coe.* keys are
// its parent's business and stay.
constexpr std::array<std::string_view, 6> kProvenanceKeys = {
    "coe.version",         "coe.parent.name", "coe.parent.digest",
    "coe.parent.n_expert", "coe.n_keep",      "coe.mask"};

bool has_fused_top_k(std::uint32_t n_expert) {
  return (n_expert <= 512 && std::has_single_bit(n_expert)) || n_expert == 288 || n_expert == 576;
}

// The mask as it is embedded: complete, whatever form it was read from.
Result<KeepMask> native_mask(const KeepMask& mask, const MoeModel& model) {
  COE_TRY(auto native, KeepMask::create(model.n_expert, mask.layers()));
  native.parent = model.id;
  native.passes = mask.passes;
  return native;
}

Result<std::vector<gguf::KeyValue>> child_keys(const gguf::Header& parent, const MoeModel& model,
                                               const KeepMask& mask,
                                               const SurgeryOptions& options) {
  const std::string count_key = fmt::format("{}.expert_count", model.id.architecture);
  std::vector<gguf::KeyValue> keys;
  for (const auto& item : parent.keys) {
    if (std::ranges::find(kProvenanceKeys, item.key) != kProvenanceKeys.end()) continue;
    keys.push_back(item);
    if (item.key == count_key) keys.back().value = gguf::Value::u32(mask.n_keep());
  }
  if (!options.provenance) return keys;
  COE_TRY(const auto native, native_mask(mask, model));
  const std::array values = {
      gguf::Value::string(tool_version()),  gguf::Value::string(model.id.name),
      gguf::Value::string(model.id.digest), gguf::Value::u32(model.n_expert),
      gguf::Value::u32(mask.n_keep()),      gguf::Value::string(mask_to_json(native, false))};
  static_assert(values.size() == kProvenanceKeys.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    keys.push_back({std::string(kProvenanceKeys[i]), values[i]});
  return keys;
}

TensorPlan whole_tensor(const gguf::GgufFile& parent, std::size_t index) {
  const auto& tensor = parent.header().tensors[index];
  return {index, {{parent.position(tensor), tensor.n_bytes}}, false};
}

TensorPlan cut_tensor(const gguf::GgufFile& parent, const ExpertTensor& expert,
                      std::span<const ExpertId> kept) {
  const std::uint64_t start = parent.position(parent.header().tensors[expert.tensor]);
  TensorPlan plan{expert.tensor, {}, true};
  for (const ExpertId id : kept) {
    const std::uint64_t offset = start + id.value * expert.slab_bytes;
    if (!plan.ranges.empty() && plan.ranges.back().offset + plan.ranges.back().n_bytes == offset)
      plan.ranges.back().n_bytes += expert.slab_bytes;
    else
      plan.ranges.push_back({offset, expert.slab_bytes});
  }
  return plan;
}

}  // namespace

Result<SurgeryPlan> plan_surgery(const gguf::GgufFile& parent, const MoeModel& model,
                                 const KeepMask& mask, const SurgeryOptions& options) {
  COE_TRY_STATUS(check_mask(mask, model, options.mask_name));
  const gguf::Header& source = parent.header();
  SurgeryPlan plan;
  COE_TRY(plan.header.keys, child_keys(source, model, mask, options));
  plan.header.alignment = source.alignment;
  plan.header.tensors = source.tensors;
  for (std::size_t i = 0; i < source.tensors.size(); ++i)
    plan.tensors.push_back(whole_tensor(parent, i));
  for (const MoeLayer& layer : model.layers) {
    const auto& kept = mask.layers().at(layer.id);  // check_mask: every MoE layer is there
    for (const ExpertTensor& expert : layer.experts) {
      plan.tensors[expert.tensor] = cut_tensor(parent, expert, kept);
      auto& tensor = plan.header.tensors[expert.tensor];
      tensor.ne[tensor.n_dims - 1] = mask.n_keep();
      ++plan.n_tensor_cut;
    }
  }
  COE_TRY(plan.header_bytes, gguf::encode_header(plan.header));

  if (!has_fused_top_k(mask.n_keep()))
    plan.warnings.push_back(fmt::format(
        "{} experts: CUDA has no fused top-k kernel for this count (only powers of two up to 512, "
        "288 and 576), so routing runs a little slower there",
        mask.n_keep()));
  return plan;
}

}  // namespace coe
