#include "coe/mask/build.h"

#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/moe/expert_table.h"
#include "coe/moe/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace coe {

namespace {

Status check_budget(std::size_t n_expert, std::uint32_t n_keep, std::uint32_t n_group,
                    std::uint32_t n_chunk_expert) {
  if (n_keep == 0)
    return fail(Code::kInvalidArgument, "K = 0 keeps no expert",
                "choose K of at least the experts used per token");
  if (n_keep > n_expert)
    return fail(Code::kInvalidArgument,
                fmt::format("K = {} is above the {} experts of a layer", n_keep, n_expert),
                fmt::format("choose K below {}", n_expert));
  const std::uint32_t step = std::max(n_group, 1U) * n_chunk_expert;
  if (n_expert % step != 0)
    return fail(Code::kInvalidArgument,
                fmt::format("{} experts do not fill {} equal groups in chunks of {}", n_expert,
                            std::max(n_group, 1U), n_chunk_expert));
  if (n_keep % step != 0)
    return fail(Code::kInvalidArgument,
                fmt::format("K = {} is no multiple of {} ({} expert groups, {} experts a chunk)",
                            n_keep, step, std::max(n_group, 1U), n_chunk_expert),
                fmt::format("choose K as a multiple of {}", step));
  return {};
}

// Experts that are kept or removed as one, and what they score together.
struct Unit {
  std::uint32_t first = 0;
  double score = 0.0;
};

}  // namespace

Result<KeepMask> top_k_mask(const ExpertTable<double>& score, const std::vector<LayerId>& layers,
                            std::uint32_t n_keep, std::uint32_t n_group,
                            std::uint32_t n_chunk_expert) {
  COE_CHECK(layers.size() == score.n_layer() && n_chunk_expert > 0);
  COE_TRY_STATUS(check_budget(score.n_expert(), n_keep, n_group, n_chunk_expert));
  const std::size_t n_run = std::max<std::uint32_t>(n_group, 1);
  const auto run_size = static_cast<std::ptrdiff_t>(score.n_expert() / n_run / n_chunk_expert);
  const auto n_each = static_cast<std::ptrdiff_t>(n_keep / n_run / n_chunk_expert);
  std::map<LayerId, std::vector<ExpertId>> kept;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto row = score.row(i);
    std::vector<Unit> units;
    for (std::uint32_t e = 0; e < row.size(); ++e) {
      if (!std::isfinite(row[e]))
        return fail(Code::kInvalidArgument,
                    fmt::format("layer {}: the score of expert {} is {}, not a finite number",
                                layers[i].value, e, row[e]));
      if (e % n_chunk_expert == 0) units.push_back({e, 0.0});
      units.back().score += row[e];
    }
    std::vector<ExpertId> ids;
    ids.reserve(n_keep);
    for (auto run = units.begin(); run != units.end(); run += run_size) {
      std::partial_sort(run, run + n_each, run + run_size, [](const Unit& a, const Unit& b) {
        return a.score != b.score ? a.score > b.score : a.first < b.first;
      });
      for (auto unit = run; unit != run + n_each; ++unit)
        for (std::uint32_t member = 0; member < n_chunk_expert; ++member)
          ids.push_back(ExpertId{unit->first + member});
    }
    COE_CHECK(kept.emplace(layers[i], std::move(ids)).second);  // no layer twice
  }
  return KeepMask::create(static_cast<std::uint32_t>(score.n_expert()), std::move(kept));
}

Coverage coverage(const KeepMask& mask, const ExpertTable<double>& score,
                  const std::vector<LayerId>& layers) {
  COE_CHECK(layers.size() == score.n_layer());
  Coverage out;
  out.layers.reserve(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    double kept = 0.0;
    double total = 0.0;
    const auto row = score.row(i);
    for (std::uint32_t e = 0; e < row.size(); ++e) {
      total += row[e];
      if (mask.keeps(layers[i], ExpertId{e})) kept += row[e];
    }
    out.layers.push_back(total > 0.0 ? kept / total : 0.0);
    out.mean += out.layers.back();
  }
  if (!layers.empty()) out.mean /= static_cast<double>(layers.size());
  return out;
}

}  // namespace coe
