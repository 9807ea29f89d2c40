#include "coe/child/verify/kept.h"

#include "coe/base/as_text.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/child/verify/findings.h"
#include "coe/child/verify/structure.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::string_view kMaskKey = "coe.mask";

struct Files {
  const gguf::GgufFile& parent;
  const gguf::GgufFile& child;
  std::uint32_t n_expert = 0;
  std::uint32_t n_keep = 0;
};

struct Layer {
  const TensorPair* router = nullptr;
  const TensorPair* down = nullptr;
  std::vector<const TensorPair*> pairs;
};

// Compares slab `a` of the child's tensor with slab `b` of the parent's.
Result<bool> same_slab(const Files& files, const TensorPair& pair, std::uint64_t a,
                       std::uint64_t b) {
  constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;
  const std::uint64_t n_bytes = pair.parent->n_bytes / files.n_expert;
  std::vector<std::byte> mine(std::min(n_bytes, kPiece));
  std::vector<std::byte> theirs(mine.size());
  for (std::uint64_t at = 0; at < n_bytes; at += kPiece) {
    const auto n = static_cast<std::size_t>(std::min(kPiece, n_bytes - at));
    const auto x = std::span(mine).first(n);
    const auto y = std::span(theirs).first(n);
    COE_TRY_STATUS(files.child.read(*pair.child, a * n_bytes + at, x));
    COE_TRY_STATUS(files.parent.read(*pair.parent, b * n_bytes + at, y));
    if (!std::ranges::equal(x, y)) return false;
  }
  return true;
}

Result<bool> same_expert(const Files& files, const Layer& layer, std::uint32_t slot,
                         std::uint32_t expert) {
  for (const TensorPair* pair : layer.pairs) {
    COE_TRY(const bool same, same_slab(files, *pair, slot, expert));
    if (!same) return false;
  }
  return true;
}

// Empty, with a finding, when a row has no match.
Result<std::vector<ExpertId>> recover_sliced(const Files& files, const Layer& layer,
                                             Findings& findings) {
  COE_TRY(const auto parent, files.parent.read_all(*layer.router->parent));
  COE_TRY(const auto child, files.child.read_all(*layer.router->child));
  const std::size_t row_bytes = parent.size() / files.n_expert;
  const auto row = [row_bytes](const std::vector<std::byte>& rows, std::uint32_t i) {
    return as_text(std::span(rows).subspan(i * row_bytes, row_bytes));
  };
  std::unordered_map<std::string_view, std::vector<std::uint32_t>> rows;
  for (std::uint32_t expert = 0; expert < files.n_expert; ++expert)
    rows[row(parent, expert)].push_back(expert);
  std::vector<ExpertId> ids;
  std::uint32_t next = 0;  // ids ascend
  for (std::uint32_t slot = 0; slot < files.n_keep; ++slot) {
    const auto found = rows.find(row(child, slot));
    std::vector<std::uint32_t> candidates;
    if (found != rows.end())
      std::ranges::copy_if(found->second, std::back_inserter(candidates),
                           [next](std::uint32_t expert) { return expert >= next; });
    if (candidates.empty()) {
      findings.add(layer.router->child->name,
                   fmt::format("row {} is {}", slot,
                               found == rows.end() ? "no row of the parent's router"
                                                   : "out of order: kept experts must ascend"));
      return std::vector<ExpertId>{};
    }
    auto chosen = candidates.front();
    for (const auto expert : candidates) {
      if (candidates.size() == 1) break;
      COE_TRY(const bool same, same_expert(files, layer, slot, expert));
      if (!same) continue;
      chosen = expert;
      break;
    }
    ids.push_back(ExpertId{chosen});
    next = chosen + 1;
  }
  return ids;
}

// Empty, with a finding, when no expert is where the parent has it.
Result<std::vector<ExpertId>> recover_zeroed(const Files& files, const Layer& layer,
                                             Findings& findings) {
  std::vector<ExpertId> ids;
  for (std::uint32_t expert = 0; expert < files.n_expert; ++expert) {
    COE_TRY(const bool same, same_slab(files, *layer.down, expert, expert));
    if (same) ids.push_back(ExpertId{expert});
  }
  if (ids.empty())
    findings.add(layer.down->child->name,
                 fmt::format("has none of the parent's {} experts in its place: this is no cut of "
                             "that parent",
                             files.n_expert));
  return ids;
}

}  // namespace

std::optional<KeepMask> embedded_mask(const gguf::GgufFile& child, const MoeModel& parent,
                                      const CutForm& form, Findings& findings) {
  const gguf::Value* value = child.header().find_key(kMaskKey);
  if (value == nullptr) return std::nullopt;
  const std::string where = fmt::format("key `{}`", kMaskKey);
  const auto text = value->as_string();
  if (!text) {
    findings.add(where, fmt::format("has the wrong type ({} vs str)", type_name(value->type())));
    return std::nullopt;
  }
  auto mask = parse_mask(*text, kMaskKey);
  if (mask) {
    if (const auto status = check_mask(*mask, parent, kMaskKey, may_keep_all(form.n_used)); !status)
      mask = tl::unexpected(status.error());
  }
  if (!mask) {
    findings.add(where, mask.error().message);
    return std::nullopt;
  }
  return *std::move(mask);
}

std::uint32_t recorded_used(const gguf::Header& parent, const gguf::Header& child,
                            const MoeModel& model, Findings& findings) {
  const gguf::Value* record = child.find_key(kUsedRecord);
  if (record == nullptr) return 0;
  const auto where = key_place(kUsedRecord);
  const auto n = record->as_uint();
  const auto* own = parent.find_key(model.id.architecture + ".expert_used_count");
  if (child.find_key("coe.parent.digest") == nullptr) {
    findings.add(where, "stands without the other records of the cut");
  } else if (!n || *record != gguf::Value::u32(static_cast<std::uint32_t>(*n))) {
    findings.add(where, fmt::format("has the wrong type ({} vs u32)", type_name(record->type())));
  } else if (own == nullptr || own->is_array()) {
    findings.add(where, "does not fit: the parent has a count for each block");
  } else if (*n == 0 || *n >= model.n_expert_used) {
    findings.add(where, fmt::format("does not fit ({} vs 1 to {}, fewer than the parent uses)", *n,
                                    model.n_expert_used - 1));
  } else {
    return static_cast<std::uint32_t>(*n);
  }
  return 0;
}

void check_provenance(const gguf::Header& child, const MoeModel& parent, const CutForm& form,
                      Findings& findings) {
  if (std::ranges::none_of(kRecordKeys, [&](auto key) { return child.find_key(key) != nullptr; }))
    return;
  const std::map<std::string_view, gguf::Value> expected = {
      {"coe.mode", gguf::Value::string(form.zero ? "zero" : "slice")},
      {"coe.parent.name", gguf::Value::string(parent.id.name)},
      {"coe.parent.digest", gguf::Value::string(parent.id.digest)},
      {"coe.parent.n_expert", gguf::Value::u32(parent.n_expert)},
      {"coe.n_keep", gguf::Value::u32(form.n_keep)}};
  for (const auto key : kRecordKeys) {
    const std::string where = fmt::format("key `{}`", key);
    const gguf::Value* found = child.find_key(key);
    const auto value = expected.find(key);
    if (found == nullptr)
      findings.add(where, "is missing beside other records of the cut");
    else if (value != expected.end() && *found != value->second)
      findings.add(
          where, fmt::format("does not fit ({} vs {})", found->preview(), value->second.preview()));
  }
}

Result<KeptExperts> recover_kept(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                                 std::span<const TensorPair> pairs, std::uint32_t n_expert,
                                 const CutForm& form, const KeptExperts& known,
                                 Findings& findings) {
  std::map<LayerId, Layer> layers;
  for (const TensorPair& pair : pairs) {
    if (pair.kind != PairKind::kExperts || known.contains(pair.layer)) continue;
    Layer& layer = layers[pair.layer];
    layer.pairs.push_back(&pair);
    if (pair.parent->name.ends_with(".ffn_gate_inp.weight")) layer.router = &pair;
    if (pair.parent->name.ends_with(".ffn_down_exps.weight")) layer.down = &pair;
  }
  const Files files{parent, child, n_expert, form.n_keep};
  KeptExperts kept;
  for (const auto& [id, layer] : layers) {
    // Missing or misshapen: a finding already.
    if ((form.zero ? layer.down : layer.router) == nullptr) continue;
    COE_TRY(auto ids, form.zero ? recover_zeroed(files, layer, findings)
                                : recover_sliced(files, layer, findings));
    if (!ids.empty()) kept.emplace(id, std::move(ids));
  }
  return kept;
}

}  // namespace coe
