#include "coe/specialize/heal_summary.h"

#include "coe/base/hash.h"
#include "coe/base/json.h"
#include "coe/base/sealed_json.h"
#include "coe/base/text.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace coe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kHealingWord = "healing=";
constexpr std::string_view kUsedWord = "experts_used=";

}  // namespace

HealSummary summary_of(const Healing& healing, HealMethod method, std::string text_digest) {
  HealSummary summary{.method = std::string(heal_method_name(method)),
                      .n_fit = healing.n_fit,
                      .n_validation = healing.n_validation,
                      .n_ff = healing.n_ff,
                      .after = healing.after(),
                      .helps = healing.helps(),
                      .settings = healing.settings,
                      .text_digest = std::move(text_digest)};
  for (const auto& layer : healing.layers)
    summary.layers.push_back({layer.layer, layer.error, layer.after, layer.gain, layer.kept});
  return summary;
}

Json heal_summary_json(const HealSummary& summary) {
  Json layers = Json::array();
  for (const auto& layer : summary.layers)
    layers.push_back({{"layer", layer.layer.value},
                      {"error", layer.error},
                      {"after", layer.after},
                      {"gain", layer.gain},
                      {"kept", layer.kept}});
  return {{"method", summary.method},
          {"n_token_fit", summary.n_fit},
          {"n_token_validation", summary.n_validation},
          {"n_ff", summary.n_ff},
          {"after", summary.after},
          {"healed", summary.helps},
          {"child_settings", summary.settings},
          {"text_digest", summary.text_digest},
          {"layers", std::move(layers)}};
}

HealSummary read_heal_summary(const Json& json) {
  HealSummary summary{.method = json.at("method"),
                      .n_fit = json.at("n_token_fit"),
                      .n_validation = json.at("n_token_validation"),
                      .n_ff = json.at("n_ff"),
                      .after = json.at("after"),
                      .helps = json.at("healed"),
                      .settings = json.at("child_settings"),
                      .text_digest = json.at("text_digest")};
  for (const auto& layer : json.at("layers"))
    summary.layers.push_back({LayerId{layer.at("layer")}, layer.at("error"), layer.at("after"),
                              layer.at("gain"), layer.at("kept")});
  return summary;
}

std::string heal_file_settings(const KeepMask& mask, std::string_view text_digest,
                               const HealOptions& options) {
  return fmt::format("text={} mask={} {}", text_digest, digest_of(mask_to_json(mask, false)),
                     heal_settings(options));
}

Status write_heal_file(const Path& file, std::string_view settings, const HealSummary& summary,
                       Overwrite overwrite) {
  Json document = {{"schema", kHealSchema}, {"version", tool_version()}, {"settings", settings}};
  document.update(heal_summary_json(summary));
  return keep_file(file, sealed_json(document, 2), overwrite);
}

bool is_heal_file(const Path& file) {
  const auto text = read_text(file);
  if (!text) return false;
  const auto document = parse_json<Json>(*text);
  return document.is_object() && document.value("schema", Json()) == kHealSchema;
}

std::string measured_child(std::string_view heal_settings, std::uint32_t n_used) {
  if (!heal_settings.empty()) return fmt::format("{}{} ", kHealingWord, digest_of(heal_settings));
  return n_used > 0 ? fmt::format("{}{} ", kUsedWord, n_used) : std::string();
}

bool is_measured_of(const CutRecords& child, std::string_view measured) {
  const auto says = [&](std::string_view words) {
    return measured.find(fmt::format(" {}", words)) != std::string_view::npos;
  };
  const auto own = measured_child(child.heal_settings, child.n_used);
  return own.empty() ? !says(kHealingWord) && !says(kUsedWord) : says(own);
}

bool is_healed_so(const CutRecords& child, const HealSummary& summary) {
  if (!summary.helps) return child.heal_settings.empty();
  return child.heal_settings == summary.settings && child.heal_text_digest == summary.text_digest;
}

}  // namespace coe
