#include "coe/mask/recipe/pass_options.h"

#include "coe/base/file.h"
#include "coe/base/parse.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/mask/score/score.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

namespace coe {

namespace {

// The passes after the first look at other text, of which a random score says nothing.
Score score_of_passes(const MaskRecipe& recipe) {
  return recipe.score.score == Score::kRandom ? Score::kUtil : recipe.score.score;
}

Result<CotPass> read_cot(const PassOptions& options, const LoadProfile& load,
                         const MaskRecipe& recipe) {
  CotPass pass;
  pass.rule = options.cot_rule;
  pass.domains = options.cot_domains;
  pass.score = options.cot_score.value_or(score_of_passes(recipe));
  COE_TRY(pass.profile, load(options.cot, {"cot", false, false}));
  if (!options.cot_t06.empty()) {
    COE_TRY(pass.t06, load(options.cot_t06, {"cot-t06", false, true}));
  }
  return pass;
}

Result<std::vector<LayerExpert>> read_list(const Path& path) {
  COE_TRY(const auto text, read_text(path));
  return parse_layer_experts(text, path.string());
}

std::string numbered(std::string_view use, std::size_t i) {
  return fmt::format("{}-{}", use, i + 1);
}

}  // namespace

Result<std::vector<std::pair<std::string, double>>> parse_weights(std::string_view text) {
  std::vector<std::pair<std::string, double>> weights;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const auto equals = item.find('=');
    double weight = 0.0;
    if (equals == std::string_view::npos || equals == 0 ||
        !parse_weight(item.substr(equals + 1), weight))
      return fail(Code::kInvalidArgument,
                  fmt::format("--blend: `{}` is not of the form name=weight", printable(item)),
                  "for example --blend web=0.7,css=0.3");
    weights.emplace_back(item.substr(0, equals), weight);
  }
  return weights;
}

std::pair<Path, double> parse_weighted_file(const std::string& text) {
  std::error_code ec;
  const auto [file, number] = split_last(text);
  double weight = 0.0;
  if (!std::filesystem::exists(text, ec) && parse_weight(number, weight))
    return {Path(file), weight};
  return {Path(text), 0.0};
}

Result<ProtectedText> parse_protected(std::string_view text) {
  ProtectedText out;
  auto [file, cap] = split_last(text);
  if (!parse_number(cap, out.cap)) {
    const auto score = cap;
    std::tie(file, cap) = split_last(file);
    if (!parse_number(cap, out.cap))
      return fail(Code::kInvalidArgument,
                  fmt::format("--protect: `{}` is not of the form PROFILE:CAP", printable(text)),
                  "for example --protect safety.profile.gguf:2");
    COE_TRY(out.score, score_from_name(score));
  }
  out.file = Path(file);
  return out;
}

Status read_passes(const PassOptions& options, const LoadProfile& load, MaskRecipe& recipe) {
  auto& passes = recipe.passes;
  if (!options.whitelist.empty()) {
    WhitelistPass pass{options.whitelist_rule, {}};
    for (std::size_t i = 0; i < options.whitelist.size(); ++i) {
      COE_TRY(pass.profiles.emplace_back(),
              load(options.whitelist[i], {numbered("whitelist", i), false, false}));
    }
    passes.emplace_back(std::move(pass));
  }
  if (!options.cot.empty()) {
    COE_TRY(passes.emplace_back(), read_cot(options, load, recipe));
  }
  if (!options.closure.empty()) {
    ClosurePass pass{options.closure_rule, {}, {}};
    COE_TRY(pass.one, load(options.closure.front(), {"closure-1", true, false}));
    COE_TRY(pass.two, load(options.closure.back(), {"closure-2", true, false}));
    passes.emplace_back(std::move(pass));
  }
  if (!options.structural.empty()) {
    StructuralPass pass{options.structural_cap, {}};
    COE_TRY(pass.experts, read_list(options.structural));
    passes.emplace_back(std::move(pass));
  }
  for (std::size_t i = 0; i < options.protect.size(); ++i) {
    const auto& item = options.protect[i];
    ProtectPass pass;
    pass.rule.cap = item.cap;
    pass.score = item.score.value_or(score_of_passes(recipe));
    COE_TRY(pass.profile, load(item.file, {numbered("protect", i), false, false}));
    passes.emplace_back(std::move(pass));
  }
  if (!options.exempt.empty()) {
    ExemptPass pass;
    COE_TRY(pass.experts, read_list(options.exempt));
    if (!pass.experts.empty()) passes.emplace_back(std::move(pass));
  }
  return {};
}

}  // namespace coe
