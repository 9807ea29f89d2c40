#include "coe/recipe/table_mask.h"

#include "coe/base/result.h"
#include "coe/mask/build.h"
#include "coe/recipe/recipe.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace coe {

Result<TableMask> mask_from_table(const ScoreTable& table, std::uint32_t n_keep) {
  const auto n_expert = static_cast<std::uint32_t>(table.scores.n_expert());
  COE_TRY_STATUS(check_keep_count(n_keep, n_expert, table.n_expert_used));
  COE_TRY(auto mask, top_k_mask(table.scores, table.layers, n_keep, table.n_expert_group,
                                table.n_chunk_expert));
  mask.parent = table.parent;
  const nlohmann::ordered_json pass = {{"pass", "domain"},
                                       {"score", table.score},
                                       {"table",
                                        {{"corpus", table.corpus_digest},
                                         {"n_token", table.n_tokens},
                                         {"settings", table.settings},
                                         {"engine", table.engine}}}};
  mask.passes.push_back({pass.dump()});
  TableMask out{std::move(mask), {}};
  for (std::size_t l = 0; l < table.layers.size(); ++l)
    out.loss.push_back(table.loss.at(l, n_expert - n_keep - 1));
  return out;
}

}  // namespace coe
