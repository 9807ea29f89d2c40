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
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace coe {

namespace {

Status check_budget(std::size_t n_expert, std::uint32_t n_keep, std::uint32_t n_group) {
  if (n_keep == 0)
    return fail(Code::kInvalidArgument, "K = 0 keeps no expert",
                "choose K of at least the experts used per token");
  if (n_keep > n_expert)
    return fail(Code::kInvalidArgument,
                fmt::format("K = {} is above the {} experts of a layer", n_keep, n_expert),
                fmt::format("choose K below {}", n_expert));
  if (n_group <= 1) return {};
  if (n_expert % n_group != 0)
    return fail(Code::kInvalidArgument,
                fmt::format("{} experts do not fill {} equal groups", n_expert, n_group));
  if (n_keep % n_group != 0)
    return fail(Code::kInvalidArgument,
                fmt::format("K = {} is no multiple of the {} expert groups", n_keep, n_group),
                fmt::format("choose K as a multiple of {}", n_group));
  return {};
}

}  // namespace

Result<KeepMask> top_k_mask(const ExpertTable<double>& score, const std::vector<LayerId>& layers,
                            std::uint32_t n_keep, std::uint32_t n_group) {
  COE_CHECK(layers.size() == score.n_layer());
  COE_TRY_STATUS(check_budget(score.n_expert(), n_keep, n_group));
  const std::size_t n_run = std::max<std::uint32_t>(n_group, 1);
  const std::size_t run_size = score.n_expert() / n_run;
  const auto n_each = static_cast<std::ptrdiff_t>(n_keep / n_run);
  std::map<LayerId, std::vector<ExpertId>> kept;
  std::vector<std::uint32_t> order(run_size);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto row = score.row(i);
    for (std::size_t e = 0; e < row.size(); ++e) {
      if (!std::isfinite(row[e]))
        return fail(Code::kInvalidArgument,
                    fmt::format("layer {}: the score of expert {} is {}, not a finite number",
                                layers[i].value, e, row[e]));
    }
    std::vector<ExpertId> ids;
    ids.reserve(n_keep);
    for (std::size_t run = 0; run < n_run; ++run) {
      std::iota(order.begin(), order.end(), static_cast<std::uint32_t>(run * run_size));
      std::partial_sort(order.begin(), order.begin() + n_each, order.end(),
                        [&](std::uint32_t a, std::uint32_t b) {
                          return row[a] != row[b] ? row[a] > row[b] : a < b;
                        });
      for (std::ptrdiff_t k = 0; k < n_each; ++k)
        ids.push_back(ExpertId{order[static_cast<std::size_t>(k)]});
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
