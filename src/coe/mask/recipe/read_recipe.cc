// From the passes of a mask back to its recipe.
#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/recipe/pass.h"
#include "coe/mask/recipe/passes/domain.h"
#include "coe/mask/recipe/recipe.h"

#include <fmt/format.h>

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace coe {

namespace {

constexpr const char* kRemakeHint =
    "make the mask again from its profiles, with the options of old";

// A kind of pass says whether it repeats and how it is read.
struct Kind {
  bool repeats = false;
  Result<Pass> (*read)(const PassJson& json) = nullptr;
};

// Null members for a kind that Pass has not.
template <std::size_t I = 0>
Kind find_kind(std::string_view name) {
  if constexpr (I == std::variant_size_v<Pass>) {
    return {};
  } else {
    using P = std::variant_alternative_t<I, Pass>;
    if (name != P::kName) return find_kind<I + 1>(name);
    return {P::kRepeats, [](const PassJson& json) -> Result<Pass> {
              COE_TRY(auto pass, P::read(json));
              return Pass(std::move(pass));
            }};
  }
}

Status read_pass(const PassJson& json, const std::string& name, MaskRecipe& recipe) {
  if (name == kDomainPass) return read_domain(json, recipe);
  const auto kind = find_kind(name);
  if (kind.read == nullptr)
    return fail(Code::kUnsupported,
                fmt::format("pass `{}` is unknown to this program", printable(name)), "update coe");
  COE_TRY(auto pass, kind.read(json));
  recipe.passes.push_back(std::move(pass));
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
      const auto json = parse_json_or_throw<PassJson>(mask.passes[i].json);
      if (i == 0 && json.value("pass", "") == kDomainPass && !json.contains("profiles"))
        return fail(Code::kInvalidArgument,
                    "the mask comes from a version of coe that did not record its profiles",
                    kRemakeHint);
      const auto name = json.at("pass").get<std::string>();
      if (!seen.insert(name).second && !find_kind(name).repeats)
        return fail(Code::kCorrupt, fmt::format("pass `{}` stands twice", printable(name)));
      if (auto status = read_pass(json, name, recipe); !status)
        return tl::unexpected<Error>(
            std::move(status).error().context(fmt::format("pass {}", i + 1)));
    } catch (const PassJson::exception& error) {
      return fail(Code::kCorrupt, fmt::format("pass {}: not as coe writes it ({})", i + 1,
                                              printable(error.what())));
    }
  }
  return recipe;
}

}  // namespace coe
