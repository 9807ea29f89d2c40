// The options of a mask, which `coe mask` and `coe specialize` share.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/mask/recipe/aggregate.h"
#include "coe/mask/recipe/pass_options.h"
#include "coe/mask/recipe/recipe.h"

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::cli {

// What --score takes besides the names of scores: validation text chooses.
inline constexpr std::string_view kAutoScore = "auto";

// How pass 1 scores.
struct ScoreOptionsText {
  std::string score = "util";
  std::string aggregate;  // empty: as the weights of the text say
  std::string blend;      // "web=0.7,css=0.3"
};
void add_score_options(CLI::App& verb, ScoreOptionsText& options);
// Errors: kInvalidArgument.
Result<AggregateChoice> read_aggregate(const ScoreOptionsText& options);

// Passes, and what of them is read once all flags are known.
struct PassFlags {
  PassOptions passes;
  std::string cot_score_name;
  std::vector<std::string> protect_texts;  // FILE:CAP[:SCORE]
};
void add_pass_options(CLI::App& verb, PassFlags& options);
// Errors: kInvalidArgument.
Result<PassOptions> read_pass_options(const PassFlags& flags);

}  // namespace coe::cli
