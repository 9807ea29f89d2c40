#include "coe/child/verify/rewritten.h"

#include "coe/base/result.h"
#include "coe/child/verify/findings.h"
#include "coe/child/verify/structure.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/moe/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coe {
namespace {

// A score this low is never chosen: probabilities and real biases are of the order of 1.
constexpr float kFarBelow = -1e20F;

template <class T>
Result<std::vector<T>> read_values(const gguf::GgufFile& file, const gguf::TensorInfo& tensor) {
  std::vector<T> values(tensor.n_bytes / sizeof(T));
  COE_TRY_STATUS(file.read(tensor, 0, std::as_writable_bytes(std::span(values))));
  return values;
}

// Returns what is wrong with the entry that was expert `old` and is `now`, if anything. `row` is
// the token's experts in the child.
std::optional<std::string> judge_entry(std::int32_t old, std::int32_t now, const ExpertSet& kept,
                                       const CutForm& form, std::span<const std::int32_t> row) {
  const auto n_id = form.zero ? std::int32_t{0} : static_cast<std::int32_t>(kept.size());
  const auto id = [](std::int32_t value) { return ExpertId{static_cast<std::uint32_t>(value)}; };
  if (old >= 0 && kept.contains(id(old))) {
    const auto expected = form.zero ? old : static_cast<std::int32_t>(kept.position(id(old)));
    if (now == expected) return std::nullopt;
    return fmt::format("names expert {} instead of {} (the parent's {})", now, expected, old);
  }
  const bool valid = now >= 0 && (form.zero ? kept.contains(id(now)) : now < n_id);
  if (!valid) return fmt::format("names expert {}, which is none of the kept", now);
  if (std::ranges::count(row, now) > 1) return fmt::format("names expert {} twice", now);
  return std::nullopt;
}

Status check_table(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                   const TensorPair& pair, const ExpertSet& kept, const CutForm& form,
                   Findings& findings) {
  COE_TRY(const auto old, read_values<std::int32_t>(parent, *pair.parent));
  COE_TRY(const auto now, read_values<std::int32_t>(child, *pair.child));
  const auto n_used = static_cast<std::size_t>(pair.parent->ne[0]);
  for (std::size_t first = 0; first < now.size(); first += n_used) {
    const auto row = std::span(now).subspan(first, n_used);
    const auto old_row = std::span(old).subspan(first, n_used);
    // A parent's row that names an expert twice may stay so.
    std::vector<std::int32_t> sorted(old_row.begin(), old_row.end());
    std::ranges::sort(sorted);
    const bool distinct = std::ranges::adjacent_find(sorted) == sorted.end();
    for (std::size_t k = 0; k < n_used; ++k) {
      const auto wrong = judge_entry(old_row[k], row[k], kept, form,
                                     distinct ? row : std::span<const std::int32_t>{});
      if (!wrong) continue;
      findings.add(pair.child->name, fmt::format("token {} {}", first / n_used, *wrong));
      return {};  // one is enough: a wrong table is wrong in thousands of places
    }
  }
  return {};
}

Status check_bias(const gguf::GgufFile& parent, const gguf::GgufFile& child, const TensorPair& pair,
                  const ExpertSet& kept, Findings& findings) {
  if (gguf::traits(pair.child->type).name != "F32") {
    findings.add(pair.child->name, "is not F32, so it cannot close a router");
    return {};
  }
  COE_TRY(const auto old, read_values<std::uint32_t>(parent, *pair.parent));  // bits of the floats
  COE_TRY(const auto now, read_values<std::uint32_t>(child, *pair.child));
  for (std::uint32_t id = 0; id < now.size(); ++id) {
    const bool is_kept = kept.contains(ExpertId{id});
    if (is_kept && now[id] != old[id])
      findings.add(pair.child->name, fmt::format("kept expert {} has another bias", id));
    if (!is_kept && !(std::bit_cast<float>(now[id]) <= kFarBelow))
      findings.add(pair.child->name, fmt::format("removed expert {} can still be chosen", id));
  }
  return {};
}

// A router of softmax without a bias or a table can choose an expert whatever its weights are, so
// zeros do not remove it.
void check_closed(std::span<const TensorPair> pairs, const KeptExperts& kept, Findings& findings) {
  std::map<LayerId, bool> closed;
  std::uint32_t n_expert = 0;
  for (const TensorPair& pair : pairs) {
    if (pair.kind == PairKind::kWhole) continue;
    if (pair.kind == PairKind::kExperts) n_expert = pair.n_slab;
    closed[pair.layer] |= pair.kind == PairKind::kTokenTable || pair.kind == PairKind::kClosingBias;
  }
  for (const auto& [layer, is_closed] : closed) {
    const auto ids = kept.find(layer);
    if (is_closed || ids == kept.end() || ids->second.size() >= n_expert) continue;
    findings.add("file", fmt::format("layer {} can still choose its {} removed experts: its router "
                                     "has no bias that closes it",
                                     layer.value, n_expert - ids->second.size()));
  }
}

}  // namespace

Status check_rewritten(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                       std::span<const TensorPair> pairs, const KeptExperts& kept,
                       const CutForm& form, Findings& findings) {
  if (form.zero) check_closed(pairs, kept, findings);
  for (const TensorPair& pair : pairs) {
    const auto ids = kept.find(pair.layer);
    if (pair.kind == PairKind::kWhole || ids == kept.end()) continue;
    if (pair.kind == PairKind::kTokenTable)
      COE_TRY_STATUS(check_table(parent, child, pair, ids->second, form, findings));
    if (pair.kind == PairKind::kClosingBias)
      COE_TRY_STATUS(check_bias(parent, child, pair, ids->second, findings));
  }
  return {};
}

}  // namespace coe
