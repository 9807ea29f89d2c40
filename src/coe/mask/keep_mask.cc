#include "coe/mask/keep_mask.h"

#include "coe/base/hash.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/model/moe/id_list.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/kept_experts.h"
#include "coe/model/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
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

std::string no_such_expert(LayerId layer, std::span<const ExpertId> ids, std::uint32_t n_expert) {
  return fmt::format("layer {}: keeps {} but the experts are 0 to {}", layer.value,
                     expert_list(ids), n_expert - 1);
}

Status check_parent(const KeepMask& mask, const MoeModel& model, std::string_view mask_name) {
  const auto& made_for = mask.parent;
  if (!made_for.digest.empty() && made_for.digest != model.id.digest) {
    const bool one_name = made_for.name.empty() || made_for.name == model.id.name;
    const auto names = one_name ? fmt::format("another model than `{}` (digest {}, not {})",
                                              printable(model.id.name), printable(made_for.digest),
                                              printable(model.id.digest))
                                : fmt::format("model `{}` (digest {}), not for `{}` (digest {})",
                                              printable(made_for.name), printable(made_for.digest),
                                              printable(model.id.name), printable(model.id.digest));
    return fail(Code::kMismatch, fmt::format("{}: made for {}", mask_name, names),
                std::string(kWrongModelHint));
  }
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
    const bool mtp =
        std::ranges::find(model.mtp_layers, layer, &MoeLayer::id) != model.mtp_layers.end();
    if (!model.find_layer(layer) && !mtp) extra.push_back(layer);
  }
  if (!extra.empty())
    return fail(Code::kMismatch,
                fmt::format("{}: names {} but `{}` has no experts there", mask_name,
                            layer_list(extra), printable(model.id.name)),
                std::string(kWrongModelHint));
  for (const auto& [layer, ids] : mask.layers()) {
    if (const auto bad = ids.from(ExpertId{model.n_expert}); !bad.empty())
      return fail(Code::kMismatch,
                  fmt::format("{}: {}", mask_name, no_such_expert(layer, bad, model.n_expert)),
                  std::string(kWrongModelHint));
  }
  return {};
}

// Experts kept in each of the model's groups.
std::vector<std::uint32_t> count_groups(const ExpertSet& ids, const MoeModel& model) {
  const std::uint32_t group_size = model.n_expert / model.n_expert_group;
  std::vector<std::uint32_t> kept(model.n_expert_group, 0);
  for (const ExpertId id : ids) kept[id.value / group_size] += 1;
  return kept;
}

// Group-limited routing scores each run of N/G experts by its two best, so the groups that survive
// must be equal and of at least two, as many in every layer (one key serves all), and those that a
// token may use must offer enough experts.
Status check_groups(const KeepMask& mask, const MoeModel& model, std::string_view mask_name) {
  const std::uint32_t n_group = model.n_expert_group;
  if (n_group <= 1) return {};
  const auto refuse = [&](std::string message, std::string hint) {
    return fail(Code::kInvalidArgument, fmt::format("{}: {}", mask_name, message), std::move(hint));
  };
  if (model.n_expert % n_group != 0)
    return fail(Code::kMismatch,
                fmt::format("{}: `{}` has {} experts in {} groups of unequal size", mask_name,
                            printable(model.id.name), model.n_expert, n_group));
  const std::uint32_t group_size = model.n_expert / n_group;
  const std::uint32_t n_keep = mask.n_keep();
  const std::uint32_t n_live = kept_groups(mask, model);
  const auto hint = fmt::format(
      "a model with {} expert groups must keep the same number, at least 2, in each group, or lose "
      "whole groups, as many in every layer; K = {} would do",
      n_group, std::max(2 * n_group, n_keep / n_group * n_group));
  if (n_keep % n_live != 0 || n_keep / n_live < 2)
    return refuse(fmt::format("K = {} cannot be spread evenly over {} expert groups, 2 or more in "
                              "each",
                              n_keep, n_live),
                  hint);
  const std::uint32_t n_each = n_keep / n_live;
  if (n_live < model.n_group_used)
    return refuse(fmt::format("leaves {} expert groups, below the {} that a token uses", n_live,
                              model.n_group_used),
                  hint);
  const std::uint64_t reachable = std::uint64_t{model.n_group_used} * n_each;
  if (reachable < model.n_expert_used)
    return refuse(fmt::format("K = {} leaves {} experts in the {} groups that a token may use, "
                              "below the {} experts used per token",
                              n_keep, reachable, model.n_group_used, model.n_expert_used),
                  "choose a larger K");
  for (const auto& [layer, ids] : mask.layers()) {
    const auto kept = count_groups(ids, model);
    for (std::uint32_t group = 0; group < n_group; ++group) {
      if (kept[group] != 0 && kept[group] != n_each)
        return refuse(fmt::format("layer {}: group {} (experts {} to {}) keeps {} instead of {}",
                                  layer.value, group, group * group_size,
                                  (group + 1) * group_size - 1, kept[group], n_each),
                      hint);
    }
  }
  return {};
}

// Chunks of experts (grovemoe) share tensors of their own and are kept or removed whole.
Status check_chunks(const KeepMask& mask, const MoeModel& model, std::string_view mask_name) {
  const std::uint32_t size = model.n_chunk_expert;
  if (size <= 1) return {};
  for (const auto& [layer, ids] : mask.layers()) {
    for (const ExpertId id : ids) {
      const std::uint32_t first = id.value / size * size;
      for (std::uint32_t member = first; member < first + size; ++member)
        if (!ids.contains(ExpertId{member}))
          return fail(Code::kInvalidArgument,
                      fmt::format("{}: layer {}: keeps expert {} without expert {} of its chunk",
                                  mask_name, layer.value, id.value, member),
                      fmt::format("experts {} to {}, and every further {}, are kept or removed "
                                  "together",
                                  0, size - 1, size));
    }
  }
  return {};
}

// `first`: the layer whose count serves them all, and that count.
Status check_layer(LayerId layer, const ExpertSet& ids, std::uint32_t n_expert,
                   const std::pair<LayerId, std::size_t>& first) {
  if (n_expert != 0) {
    if (const auto bad = ids.from(ExpertId{n_expert}); !bad.empty())
      return fail(Code::kCorrupt, no_such_expert(layer, bad, n_expert));
  }
  if (ids.size() != first.second)
    return fail(Code::kCorrupt,
                fmt::format("layer {}: keeps another number of experts than layer {} ({} vs {})",
                            layer.value, first.first.value, ids.size(), first.second),
                std::string(kEqualCountHint));
  return {};
}

}  // namespace

Result<KeepMask> KeepMask::create(std::uint32_t n_expert,
                                  std::map<LayerId, std::vector<ExpertId>> layers) {
  KeptExperts kept;
  for (auto& [layer, ids] : layers) {
    std::sort(ids.begin(), ids.end());
    if (const auto bad = repeated(ids); !bad.empty())
      return fail(Code::kCorrupt,
                  fmt::format("layer {}: names {} more than once", layer.value, expert_list(bad)));
    kept.emplace(layer, std::move(ids));
  }
  return of(n_expert, std::move(kept));
}

Result<KeepMask> KeepMask::of(std::uint32_t n_expert, KeptExperts kept) {
  if (kept.empty()) return fail(Code::kCorrupt, "the mask names no layer");
  const std::pair first(kept.begin()->first, kept.begin()->second.size());
  for (const auto& [layer, ids] : kept) {
    if (ids.empty())
      return fail(Code::kCorrupt, fmt::format("layer {}: keeps no expert", layer.value));
    COE_TRY_STATUS(check_layer(layer, ids, n_expert, first));
  }
  KeepMask mask;
  mask.n_expert_ = n_expert;
  mask.n_keep_ = static_cast<std::uint32_t>(first.second);  // ids are unique u32
  mask.layers_ = std::move(kept);
  return mask;
}

bool KeepMask::keeps(LayerId layer, ExpertId expert) const {
  const auto found = layers_.find(layer);
  return found != layers_.end() && found->second.contains(expert);
}

std::string KeepMask::digest() const {
  Hasher hasher;
  hasher.add(std::uint64_t{n_expert_});
  for (const auto& [layer, ids] : layers_) {
    hasher.add(std::uint64_t{layer.value});
    hasher.add(std::uint64_t{ids.size()});
    for (const auto id : ids) hasher.add(std::uint64_t{id.value});
  }
  return hasher.digest();
}

KeepMask mask_of_all(const MoeModel& model) {
  std::vector<ExpertId> ids(model.n_expert);
  for (std::uint32_t i = 0; i < model.n_expert; ++i) ids[i].value = i;
  KeptExperts kept;
  for (const auto* layers : {&model.layers, &model.mtp_layers})
    for (const MoeLayer& layer : *layers) kept.emplace(layer.id, ExpertSet(ids));
  auto mask = KeepMask::of(model.n_expert, std::move(kept));
  COE_CHECK(mask);
  return *std::move(mask);
}

Status check_mask(const KeepMask& mask, const MoeModel& model, std::string_view mask_name,
                  KeepAll keep_all) {
  COE_TRY_STATUS(check_parent(mask, model, mask_name));
  COE_TRY_STATUS(check_layers(mask, model, mask_name));
  if (mask.n_keep() < model.n_expert_used)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: K = {} is below the {} experts used per token", mask_name,
                            mask.n_keep(), model.n_expert_used),
                fmt::format("choose K of at least {}", model.n_expert_used));
  if (mask.n_keep() == model.n_expert && keep_all == KeepAll::kRefuse)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: K = {} keeps every expert, there is nothing to cut", mask_name,
                            mask.n_keep()),
                fmt::format("choose K below {}", model.n_expert));
  COE_TRY_STATUS(check_chunks(mask, model, mask_name));
  return check_groups(mask, model, mask_name);
}

std::uint32_t kept_groups(const KeepMask& mask, const MoeModel& model) {
  if (model.n_expert_group <= 1) return 1;
  const auto kept = count_groups(mask.layers().begin()->second, model);
  return static_cast<std::uint32_t>(
      std::ranges::count_if(kept, [](std::uint32_t n) { return n > 0; }));
}

}  // namespace coe
