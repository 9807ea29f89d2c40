#include "coe/cli/render/models.h"

#include "coe/base/printable.h"
#include "coe/base/text.h"
#include "coe/cli/console.h"
#include "coe/cli/render/document.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <system_error>

namespace coe::cli {

namespace {

constexpr std::size_t kPage = 80;       // columns where the output is no terminal: names are long
constexpr std::size_t kMaxBytes = 400;  // of a name, a problem, a folder

std::string experts_text(const ModelAbout& about) {
  if (about.n_expert == 0) return "dense";
  return about.n_expert_used == 0 ? fmt::format("{}", about.n_expert)
                                  : fmt::format("{} of {}", about.n_expert_used, about.n_expert);
}

std::vector<std::string> row_of(const ListedModel& listed) {
  return {printable(listed.model.typed(), kMaxBytes), printable(listed.about.architecture),
          experts_text(listed.about), human_bytes(listed.model.bytes), listed.about.quantization};
}

std::string damaged_text(const StoredModel& model) {
  const auto name = model.name.empty() ? std::string(facts_of(model.program).title)
                                       : printable(model.typed(), kMaxBytes);
  auto text = fmt::format("  {}\n      {}\n", name, printable(model.problem, kMaxBytes));
  if (!model.fetch.empty()) text += fmt::format("      {}\n", printable(model.fetch, kMaxBytes));
  return text;
}

}  // namespace

Json models_json(const ModelListing& listing, const Surroundings& around) {
  auto doc = document("models");
  Json models = Json::array();
  for (const auto& [model, about] : listing.models) {
    Json item = {{"name", model.name.empty() ? Json(nullptr) : Json(model.typed())},
                 {"program", facts_of(model.program).prefix},
                 {"file", model.files.empty() ? Json(nullptr) : Json(model.files.front().string())},
                 {"n_file", model.files.size()},
                 {"bytes", model.bytes}};
    if (model.whole()) {
      item["architecture"] = about.architecture;
      item["moe"] = about.n_expert > 0;
      item["n_expert"] = about.n_expert;
      item["n_expert_used"] = about.n_expert_used > 0 ? Json(about.n_expert_used) : Json(nullptr);
      item["quantization"] = about.quantization;
    }
    item["problem"] = model.whole() ? Json(nullptr) : Json(model.problem);
    item["fetch"] = model.fetch.empty() ? Json(nullptr) : Json(model.fetch);
    models.push_back(std::move(item));
  }
  doc["models"] = std::move(models);
  Json folders = Json::array();
  for (const auto program : listing.programs)
    for (const auto& folder : model_folders(program, around)) {
      std::error_code ec;
      folders.push_back({{"program", facts_of(program).prefix},
                         {"folder", folder.string()},
                         {"exists", std::filesystem::is_directory(folder, ec)}});
    }
  doc["folders"] = std::move(folders);
  return doc;
}

std::string models_text(const ModelListing& listing, const Surroundings& around) {
  std::vector<std::vector<std::string>> whole = {
      {"to be typed after -m", "architecture", "experts", "size", "weights"}};
  std::string damaged;
  std::size_t n_whole = 0;
  std::size_t n_moe = 0;
  for (const auto& listed : listing.models) {
    if (!listed.model.whole()) {
      damaged += damaged_text(listed.model);
      continue;
    }
    whole.push_back(row_of(listed));
    ++n_whole;
    n_moe += listed.about.n_expert > 0 ? 1 : 0;
  }
  std::string text;
  if (n_whole > 0)
    text += format_table(whole, output_columns().value_or(kPage), WordColumns{{1}}) +
            fmt::format("\n  {} of {} {} experts, of which coe makes specialists\n", n_moe, n_whole,
                        n_moe == 1 ? "has" : "have");
  if (!damaged.empty())
    text += fmt::format("{}  damaged, or not whole:\n{}", text.empty() ? "" : "\n", damaged);
  if (n_whole > 0) return text;
  text += fmt::format("{}  no model found; coe looked in\n", text.empty() ? "" : "\n");
  for (const auto program : listing.programs)
    for (const auto& folder : model_folders(program, around))
      text += fmt::format("  {:<13} {}\n", facts_of(program).title,
                          printable(folder.string(), kMaxBytes));
  return text;
}

}  // namespace coe::cli
