#include "coe/mask/compare/overlap.h"

#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/id_list.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using Ids = std::vector<ExpertId>;

constexpr const char* kSameModelHint = "compare masks that were made for the same model";

// Against all before it: a plain mask between two native ones names no parent.
Status check_parent(std::span<const NamedMask> masks, std::size_t i) {
  for (std::size_t j = 0; j < i; ++j)
    COE_TRY_STATUS(check_same_model(masks[j].mask.parent, masks[i].mask.parent,
                                    fmt::format("{} and {}", masks[j].name, masks[i].name)));
  return {};
}

Status check_layers(const NamedMask& first, const NamedMask& other) {
  const auto lacking = [](const NamedMask& mask, const NamedMask& from) {
    std::vector<LayerId> out;
    for (const auto& [layer, ids] : from.mask.layers())
      if (!mask.mask.layers().contains(layer)) out.push_back(layer);
    return out;
  };
  const auto refuse = [](const NamedMask& mask, const NamedMask& from,
                         const std::vector<LayerId>& missing) {
    return fail(Code::kMismatch,
                fmt::format("{}: says nothing about {}, which {} has", mask.name,
                            layer_list(missing), from.name),
                kSameModelHint);
  };
  if (const auto missing = lacking(other, first); !missing.empty())
    return refuse(other, first, missing);
  if (const auto missing = lacking(first, other); !missing.empty())
    return refuse(first, other, missing);
  return {};
}

// `known`: a mask that says how many experts there are.
Status check_experts(const NamedMask& known, const NamedMask& other) {
  const std::uint32_t n_expert = known.mask.n_expert();
  if (other.mask.n_expert() != 0 && other.mask.n_expert() != n_expert)
    return fail(Code::kMismatch,
                fmt::format("{}: made for another number of experts ({} vs {} in {})", other.name,
                            other.mask.n_expert(), n_expert, known.name),
                kSameModelHint);
  for (const auto& [layer, ids] : other.mask.layers()) {
    if (const auto bad = ids.from(ExpertId{n_expert}); !bad.empty())
      return fail(Code::kMismatch,
                  fmt::format("{}: layer {}: keeps {} but {} was made for {} experts", other.name,
                              layer.value, expert_list(bad), known.name, n_expert),
                  kSameModelHint);
  }
  return {};
}

template <class A, class B>
Ids common(const A& a, const B& b) {
  Ids out;
  std::ranges::set_intersection(a, b, std::back_inserter(out));
  return out;
}

Ids without(const ExpertSet& a, const Ids& b) {
  Ids out;
  std::ranges::set_difference(a, b, std::back_inserter(out));
  return out;
}

std::optional<double> ratio(std::size_t part, std::size_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

DirectedF directed_f(const std::vector<Ids>& from, const std::vector<Ids>& to) {
  DirectedF out;
  std::size_t n_shared = 0;
  std::size_t n_from = 0;
  for (std::size_t l = 0; l < from.size(); ++l) {
    const std::size_t shared = common(from[l], to[l]).size();
    out.layers.push_back(ratio(shared, from[l].size()));
    n_shared += shared;
    n_from += from[l].size();
  }
  out.pooled = ratio(n_shared, n_from);
  return out;
}

PairOverlap pair_of(std::span<const NamedMask> masks, const Overlap& overlap, std::size_t a,
                    std::size_t b) {
  PairOverlap pair;
  pair.a = a;
  pair.b = b;
  for (const auto& [layer, ids] : masks[a].mask.layers()) {
    const auto& others = masks[b].mask.layers().at(layer);
    const auto n_both = static_cast<double>(common(ids, others).size());
    const double n_either = static_cast<double>(ids.size() + others.size()) - n_both;
    const double jaccard = n_both / n_either;  // no layer is empty
    pair.jaccard.push_back(jaccard);
    pair.f1.push_back(2.0 * jaccard / (1.0 + jaccard));
  }
  pair.jaccard_mean = mean(pair.jaccard);
  pair.f1_mean = mean(pair.f1);
  const auto first = pair.jaccard.begin();
  pair.lowest = static_cast<std::size_t>(std::ranges::min_element(pair.jaccard) - first);
  pair.highest = static_cast<std::size_t>(std::ranges::max_element(pair.jaccard) - first);
  pair.a_to_b = directed_f(overlap.residual[a], overlap.residual[b]);
  pair.b_to_a = directed_f(overlap.residual[b], overlap.residual[a]);
  return pair;
}

}  // namespace

std::string mask_letter(std::size_t position) {
  std::string out;
  for (std::size_t rest = position + 1; rest > 0; rest = (rest - 1) / 26)
    out.insert(out.begin(), static_cast<char>('A' + (rest - 1) % 26));
  return out;
}

double jaccard_by_chance(std::uint32_t a, std::uint32_t b, std::uint32_t n_expert) {
  const double n_both = static_cast<double>(a) * b / n_expert;
  return n_both / (static_cast<double>(a) + b - n_both);
}

Status check_comparable(std::span<const NamedMask> masks) {
  if (masks.size() < 2)
    return fail(Code::kInvalidArgument, "a comparison needs two masks or more",
                "name at least two mask files");
  const auto known =
      std::ranges::find_if(masks, [](const NamedMask& m) { return m.mask.n_expert() != 0; });
  for (std::size_t i = 0; i < masks.size(); ++i) {
    COE_TRY_STATUS(check_parent(masks, i));
    COE_TRY_STATUS(check_layers(masks[0], masks[i]));
    if (known != masks.end()) {
      COE_TRY_STATUS(check_experts(*known, masks[i]));
    }
  }
  return {};
}

Result<Overlap> overlap_of(std::span<const NamedMask> masks) {
  COE_TRY_STATUS(check_comparable(masks));
  Overlap out;
  out.residual.resize(masks.size());
  for (const auto& named : masks) out.n_expert = std::max(out.n_expert, named.mask.n_expert());
  for (const auto& [layer, ids] : masks[0].mask.layers()) {
    out.layers.push_back(layer);
    Ids backbone = ids.ids();
    for (const auto& named : masks) backbone = common(backbone, named.mask.layers().at(layer));
    for (std::size_t m = 0; m < masks.size(); ++m)
      out.residual[m].push_back(without(masks[m].mask.layers().at(layer), backbone));
    out.backbone.push_back(std::move(backbone));
  }
  for (std::size_t a = 0; a < masks.size(); ++a)
    for (std::size_t b = a + 1; b < masks.size(); ++b)
      out.pairs.push_back(pair_of(masks, out, a, b));
  return out;
}

}  // namespace coe
