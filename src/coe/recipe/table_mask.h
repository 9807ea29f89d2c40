// From a score table that was made elsewhere (score/table.h) to a mask.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/score/table.h"

#include <cstdint>
#include <vector>

namespace coe {

struct TableMask {
  KeepMask mask;
  std::vector<double> loss;  // [L] of the table, with the experts gone that the mask removes
};

// Top K of each layer by the table's score, under the parent's groups and chunks; its one pass
// names score, text and settings. Errors: those of check_keep_count and top_k_mask.
Result<TableMask> mask_from_table(const ScoreTable& table, std::uint32_t n_keep);

}  // namespace coe
