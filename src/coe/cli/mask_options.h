// The options of a mask's passes, which `coe mask` and `coe specialize` share.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/mask/recipe/aggregate.h"
#include "coe/mask/recipe/profile_files.h"
#include "coe/mask/recipe/recipe.h"

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::cli {

// How pass 1 scores.
struct ScoreOptionsText {
  std::string score = "util";
  std::string aggregate;  // empty: as the weights of the text say
  std::string blend;      // "web=0.7,css=0.3"
};
void add_score_options(CLI::App& verb, ScoreOptionsText& options);
// Errors: kInvalidArgument.
Result<AggregateChoice> read_aggregate(const ScoreOptionsText& options);

struct PassOptions {
  std::vector<Path> whitelist;
  WhitelistRule whitelist_rule;
  Path cot;
  ArbitrageRule cot_rule;
  std::vector<std::string> cot_domains;
  std::string cot_score;  // empty: that of the domain
  Path cot_t06;
  std::vector<Path> closure;
  ClosureRule closure_rule;
  Path structural;
  std::uint32_t structural_cap = StructuralPass().cap;
  std::vector<std::string> protect;  // FILE:CAP[:SCORE]
  Path exempt;
};
void add_pass_options(CLI::App& verb, PassOptions& options);
// Adds the passes to a recipe whose score is set. Errors: kInvalidArgument for options that make no
// sense; those of reading the files.
Status read_passes(const PassOptions& options, ProfileFiles& files, MaskRecipe& recipe);

// "web=0.7,css=0.3". Errors: kInvalidArgument.
Result<std::vector<std::pair<std::string, double>>> parse_weights(std::string_view text);
// "p.gguf:0.7", or "p.gguf" with weight 0. A file of the whole name goes first.
std::pair<Path, double> parse_weighted_file(const std::string& text);

}  // namespace coe::cli
