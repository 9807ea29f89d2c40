#include "coe/mask/keep_mask.h"

#include "coe/base/result.h"
#include "coe/gguf/printable.h"
#include "coe/mask/id_list.h"
#include "coe/moe/ids.h"
#include "coe/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

using gguf::printable;

constexpr std::string_view kEqualCountHint =
    "one expert count serves the whole model, so every layer must keep the same number";
constexpr std::string_view kWrongModelHint =
    "use the model that the mask was made for, or make a new mask";

// The ids of a sorted list that occur more than once, each of them once.
std::vector<ExpertId> repeated(const std::vector<ExpertId>& sorted) {
  std::vector<ExpertId> out;
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i] == sorted[i - 1] && (out.empty() || out.back() != sorted[i]))
      out.push_back(sorted[i]);
  }
  return out;
}

// The ids of a sorted list that are not below `n_expert`.
std::vector<ExpertId> above(const std::vector<ExpertId>& sorted, std::uint32_t n_expert) {
  return {std::lower_bound(sorted.begin(), sorted.end(), ExpertId{n_expert}), sorted.end()};
}

std::string no_such_expert(LayerId layer, const std::vector<ExpertId>& ids,
                           std::uint32_t n_expert) {
  return fmt::format("layer {}: keeps {} but the experts are 0 to {}", layer.value,
                     expert_list(ids), n_expert - 1);
}

Status check_parent(const KeepMask& mask, const MoeModel& model, std::string_view mask_name) {
  const auto& made_for = mask.parent;
  if (!made_for.digest.empty() && made_for.digest != model.id.digest)
    return fail(Code::kMismatch,
                fmt::format("{}: made for model `{}` (digest {}), not for `{}` (digest {})",
                            mask_name, printable(made_for.name), printable(made_for.digest),
                            printable(model.id.name), printable(model.id.digest)),
                std::string(kWrongModelHint));
  COE_TRY_STATUS(check_same_model(model.id, made_for, mask_name));
  if (mask.n_expert() != 0 && mask.n_expert() != model.n_expert)
    return fail(Code::kMismatch,
                fmt::format("{}: made for another number of experts ({} vs {} in `{}`)", mask_name,
                            mask.n_expert(), model.n_expert, printable(model.id.name)),
                std::string(kWrongModelHint));
  return {};
}

Status check_layers(const KeepMask& mask, const MoeModel& model, std::string_view mask_name) {
  std::vector<LayerId> missing;
  for (const auto& layer : model.layers) {
    if (!mask.layers().contains(layer.id)) missing.push_back(layer.id);
  }
  if (!missing.empty())
    return fail(Code::kMismatch,
                fmt::format("{}: says nothing about {}, which `{}` routes in", mask_name,
                            layer_list(missing), printable(model.id.name)),
                std::string(kEqualCountHint));
  std::vector<LayerId> extra;
  for (const auto& [layer, ids] : mask.layers()) {
    if (!model.find_layer(layer)) extra.push_back(layer);
  }
  if (!extra.empty())
    return fail(Code::kMismatch,
                fmt::format("{}: names {} but `{}` has no experts there", mask_name,
                            layer_list(extra), printable(model.id.name)),
                std::string(kWrongModelHint));
  for (const auto& [layer, ids] : mask.layers()) {
    if (const auto bad = above(ids, model.n_expert); !bad.empty())
      return fail(Code::kMismatch,
                  fmt::format("{}: {}", mask_name, no_such_expert(layer, bad, model.n_expert)),
                  std::string(kWrongModelHint));
  }
  return {};
}

// Group-limited routing scores each run of N/G experts by its two best, so what is kept must leave
// equal runs of at least two, and enough experts in the groups that a token may use.
Status check_groups(const KeepMask& mask, const MoeModel& model, std::string_view mask_name) {
  const std::uint32_t n_group = model.n_expert_group;
  if (n_group <= 1) return {};
  if (model.n_expert % n_group != 0)
    return fail(Code::kMismatch,
                fmt::format("{}: `{}` has {} experts in {} groups of unequal size", mask_name,
                            printable(model.id.name), model.n_expert, n_group));
  const std::uint32_t group_size = model.n_expert / n_group;
  const std::uint32_t n_keep = mask.n_keep();
  const std::uint32_t n_each = n_keep / n_group;
  const auto hint = fmt::format("choose K as a multiple of {} and at least {}", n_group,
                                2 * std::uint64_t{n_group});
  if (n_keep % n_group != 0)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: K = {} is no multiple of the {} expert groups", mask_name, n_keep,
                            n_group),
                hint);
  if (n_each < 2)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: K = {} leaves {} expert in each of {} groups, routing needs 2",
                            mask_name, n_keep, n_each, n_group),
                hint);
  const std::uint64_t reachable = std::uint64_t{model.n_group_used} * n_each;
  if (reachable < model.n_expert_used)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: K = {} leaves {} experts in the {} groups that a token may use, "
                            "below the {} experts used per token",
                            mask_name, n_keep, reachable, model.n_group_used, model.n_expert_used),
                "choose a larger K");
  for (const auto& [layer, ids] : mask.layers()) {
    std::vector<std::uint32_t> kept(n_group, 0);
    for (const ExpertId id : ids) kept[id.value / group_size] += 1;
    for (std::uint32_t group = 0; group < n_group; ++group) {
      if (kept[group] != n_each)
        return fail(Code::kInvalidArgument,
                    fmt::format("{}: layer {}: group {} (experts {} to {}) keeps {} instead of {}",
                                mask_name, layer.value, group, group * group_size,
                                (group + 1) * group_size - 1, kept[group], n_each),
                    "a model with expert groups must keep the same number in each");
    }
  }
  return {};
}

}  // namespace

Result<KeepMask> KeepMask::create(std::uint32_t n_expert,
                                  std::map<LayerId, std::vector<ExpertId>> layers) {
  if (layers.empty()) return fail(Code::kCorrupt, "the mask names no layer");
  const auto& [first_layer, first_ids] = *layers.begin();
  for (auto& [layer, ids] : layers) {
    if (ids.empty())
      return fail(Code::kCorrupt, fmt::format("layer {}: keeps no expert", layer.value));
    std::sort(ids.begin(), ids.end());
    if (const auto bad = repeated(ids); !bad.empty())
      return fail(Code::kCorrupt,
                  fmt::format("layer {}: names {} more than once", layer.value, expert_list(bad)));
    if (n_expert != 0) {
      if (const auto bad = above(ids, n_expert); !bad.empty())
        return fail(Code::kCorrupt, no_such_expert(layer, bad, n_expert));
    }
    if (ids.size() != first_ids.size())
      return fail(Code::kCorrupt,
                  fmt::format("layer {}: keeps another number of experts than layer {} ({} vs {})",
                              layer.value, first_layer.value, ids.size(), first_ids.size()),
                  std::string(kEqualCountHint));
  }
  KeepMask mask;
  mask.n_expert_ = n_expert;
  mask.n_keep_ = static_cast<std::uint32_t>(first_ids.size());  // ids are unique u32
  mask.layers_ = std::move(layers);
  return mask;
}

bool KeepMask::keeps(LayerId layer, ExpertId expert) const {
  const auto found = layers_.find(layer);
  return found != layers_.end() &&
         std::binary_search(found->second.begin(), found->second.end(), expert);
}

std::map<std::uint32_t, std::vector<std::uint32_t>> KeepMask::as_ids() const {
  std::map<std::uint32_t, std::vector<std::uint32_t>> out;
  for (const auto& [layer, ids] : layers_) {
    auto& plain = out[layer.value];
    plain.reserve(ids.size());
    for (const ExpertId id : ids) plain.push_back(id.value);
  }
  return out;
}

Status check_mask(const KeepMask& mask, const MoeModel& model, std::string_view mask_name) {
  COE_TRY_STATUS(check_parent(mask, model, mask_name));
  COE_TRY_STATUS(check_layers(mask, model, mask_name));
  if (mask.n_keep() < model.n_expert_used)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: K = {} is below the {} experts used per token", mask_name,
                            mask.n_keep(), model.n_expert_used),
                fmt::format("choose K of at least {}", model.n_expert_used));
  if (mask.n_keep() == model.n_expert)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: K = {} keeps every expert, there is nothing to cut", mask_name,
                            mask.n_keep()),
                fmt::format("choose K below {}", model.n_expert));
  return check_groups(mask, model, mask_name);
}

}  // namespace coe
