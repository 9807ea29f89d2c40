#include "coe/cli/render/heal.h"

#include "coe/base/text.h"
#include "coe/cli/render/expert_counts.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <vector>

namespace coe::cli {
namespace {

// Tokens for each hidden unit below which a fit has little to go by; docs/method.md has the
// figures.
constexpr double kFewTokens = 16.0;

double tokens_a_unit(const Healing& healing) {
  return healing.n_ff == 0 ? 0.0
                           : static_cast<double>(healing.n_fit) / static_cast<double>(healing.n_ff);
}

}  // namespace

Json heal_json(const HealOutput& output) {
  const auto& healing = output.healing;
  auto doc = document("heal");
  doc["parent"] = output.parent.string();
  doc["output"] = output.output.string();
  doc["healed"] = healing.helps();
  doc["after"] = healing.after();
  add_counts(doc, output.counts);
  doc["n_token_fit"] = healing.n_fit;
  doc["n_token_validation"] = healing.n_validation;
  doc["settings"] = healing.settings;
  doc["resumed"] = healing.resumed;
  doc["bytes_parent"] = output.bytes_parent;
  doc["bytes_child"] = output.bytes_child;
  doc["proven"] = output.proven;
  doc["wall_s"] = output.wall_s;
  doc["layers"] = Json::array();
  for (const auto& layer : healing.layers) {
    auto tensors = Json::array();
    for (const auto& tensor : layer.tensors) tensors.push_back(tensor.name);
    doc["layers"].push_back({{"layer", layer.layer.value},
                             {"error", layer.error},
                             {"after", layer.after},
                             {"gain", layer.gain},
                             {"lambda", layer.lambda},
                             {"kept", layer.kept},
                             {"tensors", tensors}});
  }
  return doc;
}

std::string heal_text(const HealOutput& output) {
  const auto& healing = output.healing;
  std::string text =
      fmt::format("{}: {} of {} experts kept in each layer{}, {}\n\n", output.output.string(),
                  output.counts.n_keep, output.counts.n_expert, used_words(output.counts),
                  healing.helps() ? "healed" : "NOT healed");
  text += fmt::format("  size    {} → {}\n", human_bytes(output.bytes_parent),
                      human_bytes(output.bytes_child));
  text += fmt::format("  fit     {} tokens ({:.0f} a hidden unit), {} that validate; {:.1f} s\n",
                      healing.n_fit, tokens_a_unit(healing), healing.n_validation, output.wall_s);
  text += fmt::format("  result  {:.1f} % of what the layers lost is left (validation tokens)\n\n",
                      100.0 * healing.after());
  std::vector<std::vector<std::string>> rows = {{"layer", "lost at first", "left", "gain", "by"}};
  for (const auto& layer : healing.layers)
    rows.push_back({fmt::format("{}", layer.layer.value),
                    fmt::format("{:.2f} %", 100.0 * layer.error),
                    fmt::format("{:.1f} %", 100.0 * layer.after), fmt::format("{:.3f}", layer.gain),
                    layer.kept});
  text += format_table(rows, WordColumns{{4}});
  if (!healing.helps())
    text += "\nHealing would make up for less than 1 %, so the child is only cut.\n";
  if (tokens_a_unit(healing) < kFewTokens)
    text += fmt::format("\nFewer than {:.0f} tokens a hidden unit: more text would heal more.\n",
                        kFewTokens);
  text += "\n";
  return text;
}

}  // namespace coe::cli
