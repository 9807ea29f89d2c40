#include "coe/college/report/report.h"

#include "coe/base/json.h"
#include "coe/base/text.h"
#include "coe/college/report/bench_json.h"
#include "coe/college/report/numbers.h"
#include "coe/college/report/page.h"
#include "coe/college/report/run_json.h"
#include "coe/mask/compare/overlap.h"
#include "coe/measure/footprint/memory.h"
#include "coe/model/moe/open_model.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace coe {
namespace {

using Json = nlohmann::ordered_json;

// Contexts that people run, as far as the model was trained for them.
std::vector<std::uint32_t> contexts_of(const MoeModel& model) {
  std::vector<std::uint32_t> contexts;
  for (std::uint32_t n_ctx : {4096U, 8192U, 16384U, 32768U, 65536U, 131072U}) {
    if (model.n_ctx_train > 0) n_ctx = std::min(n_ctx, model.n_ctx_train);
    if (contexts.empty() || contexts.back() != n_ctx) contexts.push_back(n_ctx);
  }
  return contexts;
}

using Predicted = Result<std::vector<std::vector<DeviceMemory>>>;

// Warns, and says nothing, where the engine could not tell.
std::optional<ReportMemory> memory_of(const EngineLibrary& library, const MoeModel& model,
                                      Predicted child, Predicted parent, Observer& observer) {
  for (const auto* predicted : {&child, &parent}) {
    if (*predicted) continue;
    observer.warning("memory was not predicted: " + predicted->error().message);
    return std::nullopt;
  }
  return ReportMemory{library.version(), contexts_of(model), *std::move(parent), *std::move(child)};
}

// Pairs of masks of one parent, layer by layer; null where they cannot be compared.
Json overlap_json(const std::vector<RunFacts>& runs, std::vector<std::string>& missing) {
  std::vector<NamedMask> masks;
  for (const auto& run : runs)
    if (run.mask) masks.push_back({run.name, *run.mask});
  if (masks.size() < 2) return nullptr;
  const auto overlap = overlap_of(masks);
  if (!overlap) {
    missing.push_back("a comparison of the masks: " + overlap.error().message);
    return nullptr;
  }
  Json json = {{"names", Json::array()}, {"layers", Json::array()}, {"pairs", Json::array()}};
  for (const auto& mask : masks) json["names"].push_back(mask.name);
  for (const LayerId layer : overlap->layers) json["layers"].push_back(layer.value);
  std::size_t n_backbone = 0;
  for (const auto& ids : overlap->backbone) n_backbone += ids.size();
  json["n_backbone"] = n_backbone;
  for (const auto& pair : overlap->pairs)
    json["pairs"].push_back({{"a", pair.a},
                             {"b", pair.b},
                             {"jaccard", rounded_row(pair.jaccard)},
                             {"jaccard_mean", rounded_for_page(pair.jaccard_mean)},
                             {"f1_mean", rounded_for_page(pair.f1_mean)}});
  return json;
}

Result<Json> document_of(const ReportInputs& inputs, const std::string& command_line) {
  std::vector<std::string> missing;
  Json json = {{"schema", "coe.report/1"},
               {"version", tool_version()},
               {"command_line", command_line},
               {"runs", Json::array()}};
  for (const auto& run : inputs.runs) {
    COE_TRY(auto one, run_json(run));
    json["runs"].push_back(std::move(one));
  }
  json["overlap"] = overlap_json(inputs.runs, missing);
  json["sweeps"] = Json::array();
  for (const auto& sweep : inputs.sweeps) json["sweeps"].push_back(sweep_json(sweep));
  json["transfers"] = Json::array();
  for (const auto& rows : inputs.transfers) json["transfers"].push_back(transfer_json(rows));
  json["missing"] = missing;
  return json;
}

}  // namespace

std::optional<ReportMemory> child_memory(const EngineLibrary& library, const Path& parent,
                                         const Path& child, EngineOptions engine,
                                         Observer& observer) {
  if (library.version() == "none") return std::nullopt;
  const auto model = open_model(child, silent_observer());
  if (!model) return std::nullopt;  // whoever reads it next says why
  const auto contexts = contexts_of(model->moe);
  engine.model = child;
  auto of_child = predicted_memory(library, engine, contexts);
  Predicted of_parent = std::vector<std::vector<DeviceMemory>>();
  if (!parent.empty()) {
    engine.model = parent;
    of_parent = predicted_memory(library, engine, contexts);
  }
  return memory_of(library, model->moe, std::move(of_child), std::move(of_parent), observer);
}

std::optional<ReportMemory> future_memory(const EngineLibrary& library, const Path& parent,
                                          std::uint32_t n_keep, EngineOptions engine,
                                          Observer& observer) {
  if (library.version() == "none") return std::nullopt;
  const auto model = open_model(parent, silent_observer());
  if (!model) return std::nullopt;
  const auto contexts = contexts_of(model->moe);
  engine.model = parent;
  auto of_child = predicted_child_memory(library, *model, n_keep, engine, contexts);
  auto of_parent = predicted_memory(library, engine, contexts);
  return memory_of(library, model->moe, std::move(of_child), std::move(of_parent), observer);
}

Result<Json> make_report(const ReportOptions& options, const EngineLibrary& library,
                         Observer& observer) {
  COE_TRY(auto inputs, find_runs(options.inputs, options.profiles, options.parent, observer));
  if (options.memory)
    for (auto& run : inputs.runs)
      if (run.child_file)
        run.memory =
            child_memory(library, options.parent, run.child_file->path, options.engine, observer);
  return document_of(inputs, options.command_line);
}

bool is_report(const Path& file) {
  const auto mapped = MappedFile::open(file);
  if (!mapped) return false;
  const auto bytes = mapped->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.starts_with(kReportStart);
}

Result<Json> specialist_report(const Path& child, const Path& parent, const Path& profile,
                               std::optional<ReportMemory> memory, const std::string& command_line,
                               Observer& observer) {
  std::vector<Path> profiles;
  if (!profile.empty()) profiles.push_back(profile);
  COE_TRY(auto inputs, find_runs({child}, profiles, parent, observer));
  inputs.runs.front().memory = std::move(memory);
  return document_of(inputs, command_line);
}

}  // namespace coe
