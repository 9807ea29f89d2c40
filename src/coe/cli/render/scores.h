// Renders the result of `coe bench scores`: rows and tables.
#pragma once

#include "coe/base/file.h"
#include "coe/cli/render/result_rows.h"
#include "coe/measure/scores/scores_run.h"

#include <string>

namespace coe::cli {

// For each K, score and domain: kl_mean, kl_ratio to the baseline, perplexity_ratio,
// top1_agreement; for each K and score: kl_ratio of the geometric mean.
void add_scores_rows(const ScoresReport& report, ResultRows& rows);
std::string scores_text(const ScoresReport& report, const Path& folder);
// The row of the lowest ratio over all K together.
const ShootoutRow& best_row(const ScoresReport& report);

}  // namespace coe::cli
