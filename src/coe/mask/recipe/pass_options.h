// The passes after the first as people ask for them: with files where a recipe has digests.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/mask/recipe/pass.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/mask/score/score.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// "web=0.7,css=0.3". Errors: kInvalidArgument.
Result<std::vector<std::pair<std::string, double>>> parse_weights(std::string_view text);
// "p.gguf:0.7", or "p.gguf" with weight 0. A file of the whole name goes first.
std::pair<Path, double> parse_weighted_file(const std::string& text);

struct ProtectedText {
  Path file;
  std::uint32_t cap = 0;
  std::optional<Score> score;  // none: that of the domain
};
// "FILE:CAP" or "FILE:CAP:SCORE"; a file's name may hold colons. Errors: kInvalidArgument.
Result<ProtectedText> parse_protected(std::string_view text);

struct PassOptions {
  std::vector<Path> whitelist;
  WhitelistRule whitelist_rule;
  Path cot;
  ArbitrageRule cot_rule;
  std::vector<std::string> cot_domains;
  std::optional<Score> cot_score;  // none: that of the domain
  Path cot_t06;
  std::vector<Path> closure;  // two, or none
  ClosureRule closure_rule;
  Path structural;
  std::uint32_t structural_cap = StructuralPass().cap;
  std::vector<ProtectedText> protect;
  Path exempt;
};

// Which profile a pass asks for, in words that can be part of a file's name: "cot", "cot-t06",
// "whitelist-1", "closure-1", "closure-2", "protect-1", …
struct ProfileUse {
  std::string name;
  bool by_role = false;            // nothing else will do
  bool other_temperature = false;  // the companion of "cot" at another router temperature
};
// Returns the digest of the profile.
using LoadProfile = std::function<Result<std::string>(const Path& file, const ProfileUse& use)>;

// Adds the passes to a recipe whose score is set. Errors: those of `load` and of reading lists of
// experts.
Status read_passes(const PassOptions& options, const LoadProfile& load, MaskRecipe& recipe);

}  // namespace coe
