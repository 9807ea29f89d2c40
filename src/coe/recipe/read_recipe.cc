// From the passes of a mask back to its recipe.
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/pass.h"
#include "coe/recipe/recipe.h"
#include "coe/score/score.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRemakeHint =
    "make the mask again from its profiles, with the options of old";

// The library converts numbers that do not fit without a word; of values of the wrong type or
// missing ones it throws, and recipe_of() catches.
Result<std::uint64_t> whole(const Json& pass, const char* key, std::uint64_t most) {
  const auto& value = pass.at(key);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most)
    return fail(Code::kCorrupt, fmt::format("`{}` is no count", key));
  return value.get<std::uint64_t>();
}

Result<std::uint32_t> count(const Json& pass, const char* key) {
  COE_TRY(const auto value, whole(pass, key, std::numeric_limits<std::uint32_t>::max()));
  return static_cast<std::uint32_t>(value);
}

std::string digest_of(const Json& profile) { return profile.at("digest").get<std::string>(); }

std::vector<std::pair<std::string, double>> weights_of(const Json& object) {
  std::vector<std::pair<std::string, double>> weights;
  for (const auto& [name, weight] : object.items())
    weights.emplace_back(name, weight.get<double>());
  return weights;
}

Status read_domain(const Json& pass, MaskRecipe& recipe) {
  COE_TRY(recipe.score.score, score_from_name(pass.at("score").get<std::string>()));
  COE_TRY(recipe.score.blend, blend_from_name(pass.at("aggregate").get<std::string>()));
  if (recipe.score.score == Score::kRandom) {
    COE_TRY(recipe.score.seed, whole(pass, "seed", std::numeric_limits<std::uint64_t>::max()));
  }
  if (pass.contains("table")) recipe.table = digest_of(pass.at("table"));
  if (pass.contains("blend")) recipe.score.weights = weights_of(pass.at("blend"));
  for (const auto& profile : pass.at("profiles"))
    recipe.profiles.push_back({digest_of(profile), profile.value("weight", 0.0)});
  return {};
}

Result<std::vector<LayerExpert>> read_experts(const Json& pass) {
  return parse_layer_experts(pass.at("experts").dump(), "`experts`");
}

Result<ArbitragePass> read_arbitrage(const Json& pass) {
  ArbitragePass out;
  COE_TRY(out.rule.cap, count(pass, "cap"));
  COE_TRY(out.rule.skip, count(pass, "skip"));
  COE_TRY(out.score, score_from_name(pass.at("score").get<std::string>()));
  out.profile = digest_of(pass.at("profile"));
  if (pass.contains("domains")) out.domains = pass.at("domains").get<std::vector<std::string>>();
  if (pass.contains("t06")) out.t06 = digest_of(pass.at("t06"));
  return out;
}

Result<WhitelistPass> read_whitelist(const Json& pass) {
  WhitelistPass out;
  out.rule.max_avg_rank = pass.at("max_avg_rank").get<double>();
  COE_TRY(const auto min_first, whole(pass, "min_first", std::numeric_limits<std::int64_t>::max()));
  out.rule.min_first = static_cast<std::int64_t>(min_first);
  for (const auto& profile : pass.at("profiles")) out.profiles.push_back(digest_of(profile));
  return out;
}

Result<ClosurePass> read_closure(const Json& pass) {
  ClosurePass out;
  COE_TRY(out.rule.cap, count(pass, "cap"));
  out.rule.lift = pass.at("lift").get<double>();
  out.one = digest_of(pass.at("profiles").at(0));
  out.two = digest_of(pass.at("profiles").at(1));
  return out;
}

Result<StructuralPass> read_structural(const Json& pass) {
  StructuralPass out;
  COE_TRY(out.cap, count(pass, "cap"));
  COE_TRY(out.experts, read_experts(pass));
  return out;
}

Status read_pass(const Json& pass, MaskRecipe& recipe) {
  const auto kind = pass.at("pass").get<std::string>();
  if (kind == "domain") return read_domain(pass, recipe);
  if (kind == "exempt") {
    COE_TRY(recipe.exempt, read_experts(pass));
  } else if (kind == "whitelist") {
    COE_TRY(recipe.whitelist, read_whitelist(pass));
  } else if (kind == "cot") {
    COE_TRY(recipe.cot, read_arbitrage(pass));
  } else if (kind == "closure") {
    COE_TRY(recipe.closure, read_closure(pass));
  } else if (kind == "structural") {
    COE_TRY(recipe.structural, read_structural(pass));
  } else if (kind == "protect") {
    COE_TRY(recipe.protect.emplace_back(), read_arbitrage(pass));
  } else {
    return fail(Code::kUnsupported,
                fmt::format("pass `{}` is unknown to this program", printable(kind)), "update coe");
  }
  return {};
}

}  // namespace

Result<MaskRecipe> recipe_of(const KeepMask& mask) {
  if (mask.passes.empty())
    return fail(Code::kInvalidArgument, "the mask does not say how it was made", kRemakeHint);
  MaskRecipe recipe;
  recipe.n_keep = mask.n_keep();
  std::set<std::string> seen;
  for (std::size_t i = 0; i < mask.passes.size(); ++i) {
    try {
      const auto pass = Json::parse(mask.passes[i].json);
      if (i == 0 && pass.value("pass", "") == "domain" && !pass.contains("profiles"))
        return fail(Code::kInvalidArgument,
                    "the mask comes from a version of coe that did not record its profiles",
                    kRemakeHint);
      const auto kind = pass.at("pass").get<std::string>();
      if (!seen.insert(kind).second && kind != "protect")
        return fail(Code::kCorrupt, fmt::format("pass `{}` stands twice", printable(kind)));
      if (auto status = read_pass(pass, recipe); !status)
        return tl::unexpected<Error>(
            std::move(status).error().context(fmt::format("pass {}", i + 1)));
    } catch (const Json::exception& error) {
      return fail(Code::kCorrupt, fmt::format("pass {}: not as coe writes it ({})", i + 1,
                                              printable(error.what())));
    }
  }
  return recipe;
}

}  // namespace coe
