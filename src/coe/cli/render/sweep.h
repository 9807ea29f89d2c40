// Renders what `coe mask --sweep` and `--score auto` found.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/measure/tune/choose.h"
#include "coe/measure/tune/sweep.h"
#include "coe/model/moe/open_model.h"

#include <string>
#include <vector>

namespace coe::cli {

// `model`: the parent that was measured; null: nothing was.
Json point_json(const SweepPoint& point, const OpenModel* model);
// Returns {"n_keep", "by", "max_loss", "min_coverage"}.
Json advice_json(const std::vector<SweepPoint>& points, const SweepRule& rule);
std::string sweep_text(const std::vector<SweepPoint>& points, const OpenModel* model,
                       const SweepRule& rule);

// Says what each trial came to and marks the chosen one.
Json choice_json(const ScoreChoice& choice);
std::string choice_text(const ScoreChoice& choice);

}  // namespace coe::cli
