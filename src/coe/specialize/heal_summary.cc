#include "coe/specialize/heal_summary.h"

#include "coe/base/json.h"
#include "coe/model/gguf/typed_keys.h"

#include <string>
#include <utility>

namespace coe {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

HealSummary summary_of(const Healing& healing, HealMethod method, std::string text_digest) {
  return {.method = std::string(heal_method_name(method)),
          .n_fit = healing.n_fit,
          .n_validation = healing.n_validation,
          .n_ff = healing.n_ff,
          .after = healing.after(),
          .helps = healing.helps(),
          .settings = healing.settings,
          .text_digest = std::move(text_digest)};
}

Json heal_summary_json(const HealSummary& summary) {
  return {{"method", summary.method},
          {"n_token_fit", summary.n_fit},
          {"n_token_validation", summary.n_validation},
          {"n_ff", summary.n_ff},
          {"after", summary.after},
          {"healed", summary.helps},
          {"child_settings", summary.settings},
          {"text_digest", summary.text_digest}};
}

HealSummary read_heal_summary(const Json& json) {
  return {.method = json.at("method"),
          .n_fit = json.at("n_token_fit"),
          .n_validation = json.at("n_token_validation"),
          .n_ff = json.at("n_ff"),
          .after = json.at("after"),
          .helps = json.at("healed"),
          .settings = json.at("child_settings"),
          .text_digest = json.at("text_digest")};
}

bool is_healed_so(const gguf::Header& child, const HealSummary& summary) {
  const auto settings = gguf::text_at(child, "coe.heal.settings");
  if (!summary.helps) return !settings;
  return settings == summary.settings &&
         gguf::text_at(child, "coe.heal.text_digest") == summary.text_digest;
}

}  // namespace coe
