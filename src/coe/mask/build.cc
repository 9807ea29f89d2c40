#include "coe/mask/build.h"

#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/kept_experts.h"
#include "coe/model/moe/top_k.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace coe {

Status check_scores(const ExpertTable<double>& score, const std::vector<LayerId>& layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto row = score.row(i);
    for (std::uint32_t e = 0; e < row.size(); ++e) {
      if (!std::isfinite(row[e]))
        return fail(Code::kInvalidArgument,
                    fmt::format("layer {}: the score of expert {} is {}, not a finite number",
                                layers[i].value, e, row[e]));
    }
  }
  return {};
}

Result<KeepMask> top_k_mask(const ExpertTable<double>& score, const std::vector<LayerId>& layers,
                            std::uint32_t n_keep, std::uint32_t n_group,
                            std::uint32_t n_chunk_expert) {
  COE_CHECK(layers.size() == score.n_layer() && n_chunk_expert > 0);
  const KeepRule rule{n_keep, n_group, n_chunk_expert};
  COE_TRY_STATUS(check_keep_rule(rule, score.n_expert()));
  COE_TRY_STATUS(check_scores(score, layers));
  KeptExperts kept;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    std::vector<ExpertId> ids;
    ids.reserve(n_keep);
    for (const auto e : top_k(score.row(i), rule)) ids.push_back(ExpertId{e});
    COE_CHECK(kept.emplace(layers[i], std::move(ids)).second);  // no layer twice
  }
  return KeepMask::of(static_cast<std::uint32_t>(score.n_expert()), std::move(kept));
}

Coverage coverage(const KeepMask& mask, const ExpertTable<double>& score,
                  const std::vector<LayerId>& layers) {
  COE_CHECK(layers.size() == score.n_layer());
  return coverage(score, [&](std::size_t row, std::uint32_t expert) {
    return mask.keeps(layers[row], ExpertId{expert});
  });
}

Coverage coverage(const ExpertTable<double>& score,
                  const std::function<bool(std::size_t, std::uint32_t)>& keeps) {
  Coverage out;
  out.layers.reserve(score.n_layer());
  for (std::size_t i = 0; i < score.n_layer(); ++i) {
    double kept = 0.0;
    double total = 0.0;
    const auto row = score.row(i);
    for (std::uint32_t e = 0; e < row.size(); ++e) {
      total += row[e];
      if (keeps(i, e)) kept += row[e];
    }
    out.layers.push_back(total > 0.0 ? kept / total : 0.0);
    out.mean += out.layers.back();
  }
  if (score.n_layer() > 0) out.mean /= static_cast<double>(score.n_layer());
  return out;
}

}  // namespace coe
