#include "coe/college/report/run_json.h"

#include "coe/base/json.h"
#include "coe/base/shell_word.h"
#include "coe/base/text.h"
#include "coe/college/package/planned_manifest.h"
#include "coe/college/package/presets.h"
#include "coe/college/report/numbers.h"
#include "coe/college/report/profile_json.h"
#include "coe/mask/recipe/pass_json.h"
#include "coe/measure/chat_check/chat_check_json.h"
#include "coe/measure/footprint/memory.h"
#include "coe/specialize/eval_json.h"
#include "coe/specialize/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace coe {
namespace {

using Json = nlohmann::ordered_json;

// A character an expert: kept or not.
Json kept_json(const KeepMask& mask, std::uint32_t n_expert) {
  Json rows = Json::array();
  for (const auto& [layer, ids] : mask.layers()) {
    std::string row(n_expert, '-');
    for (const ExpertId id : ids) row[id.value] = '+';
    rows.push_back(std::move(row));
  }
  return rows;
}

// Numbers in the page keep four digits; those of a pass come from its record.
constexpr std::array<const char*, 12> kSwapKeys = {
    "layer",     "in",          "out",          "in_ordinal", "out_ordinal", "in_score",
    "out_score", "in_avg_rank", "out_avg_rank", "in_tier",    "out_tier",    "domain"};

Json swap_json(const Json& swap) {
  Json row = Json::array();
  for (const auto* key : kSwapKeys) {
    const auto found = swap.find(key);
    if (found == swap.end() || !(found->is_number() || found->is_string()))
      row.push_back(nullptr);
    else if (found->is_number_float())
      row.push_back(rounded_for_page(found->get<double>()));
    else
      row.push_back(*found);
  }
  return row;
}

// All that a pass says of itself, its swaps apart.
Json passes_json(const KeepMask& mask, Json& swaps) {
  const auto words = pass_words(mask);
  Json passes = Json::array();
  for (const auto& pass : mask.passes) {
    auto json = parse_json<Json>(pass.json);
    if (!json.is_object()) continue;
    const auto made = json.find("swaps");
    if (made != json.end() && made->is_array())
      for (const auto& swap : *made) {
        auto row = swap_json(swap);
        row.insert(row.begin(), passes.size());
        swaps.push_back(std::move(row));
      }
    for (const auto* key : {"swaps", "dropped", "experts"}) json.erase(key);
    json["words"] = passes.size() < words.size() ? words[passes.size()] : std::string();
    passes.push_back(std::move(json));
  }
  return passes;
}

Json file_json(const ReportFile& file) {
  Json parts = Json::object();
  for (const auto& [name, bytes] : file.parts.parts) parts[std::string(name)] = bytes;
  Json types = Json::object();
  for (const auto& [name, bytes] : file.parts.types) types[std::string(name)] = bytes;
  return {{"file", file.path.filename().string()},
          {"bytes", file.bytes},
          {"parts", std::move(parts)},
          {"types", std::move(types)}};
}

Json domain_row_json(const DomainResult& row) {
  const auto& s = row.specialist;
  Json json = row_head_json(row);
  json.update(Json{{"parent_perplexity", rounded_for_page(s.reference_perplexity())},
                   {"perplexity", rounded_for_page(s.perplexity())},
                   {"perplexity_ratio", interval_json(perplexity_ratio(s))},
                   {"kl", interval_json(kl_interval(s))},
                   {"same_first", interval_json(top1_interval(s))},
                   {"random_kl", Json::array()},
                   {"random_ratio", Json::array()}});
  for (const auto& random : row.random) {
    json["random_kl"].push_back(rounded_for_page(random.kl_mean()));
    json["random_ratio"].push_back(rounded_for_page(perplexity_ratio(random).value));
  }
  json["cut"] = nullptr;
  if (row.cut)
    json["cut"] = {{"perplexity_ratio", interval_json(perplexity_ratio(*row.cut))},
                   {"kl", interval_json(kl_interval(*row.cut))},
                   {"same_first", interval_json(top1_interval(*row.cut))},
                   {"kl_ratio", interval_json(kl_ratio(s, *row.cut))}};
  return json;
}

Json evaluation_json(const EvaluationFacts& facts) {
  Json json = {{"engine", facts.engine}, {"corpus", facts.corpus}, {"n_random", facts.n_random},
               {"keeps_kl", kKeepsKl},   {"loses_kl", kLosesKl},   {"rows", Json::array()}};
  for (const auto& row : facts.rows) json["rows"].push_back(domain_row_json(row));
  if (facts.slice_check) json["slice_check"] = slice_check_json(*facts.slice_check);
  if (facts.chats)
    json["chats"] = {{"n_record", facts.chats->n_record}, {"n_chat", facts.chats->n_chat}};
  return json;
}

Json chat_json(const ChatFacts& facts) {
  Json json = {{"child", chat_counts_json(facts.checks.child)},
               {"words", chat_fault_words(facts.checks.child)},
               {"max_new_tokens", facts.max_new_tokens}};
  if (facts.checks.parent) json["parent"] = chat_counts_json(*facts.checks.parent);
  return json;
}

// A healed child whose record is gone still says what it was healed by.
Json healing_json(const RunFacts& run) {
  if (run.healing) {
    const auto& summary = *run.healing;
    auto json = heal_summary_json(summary);
    json["after"] = rounded_for_page(summary.after);
    for (auto& layer : json["layers"])
      for (const auto* key : {"error", "after", "gain"})
        layer[key] = rounded_for_page(layer[key].get<double>());
    return json;
  }
  if (!run.child || run.child->cut.heal_settings.empty()) return nullptr;
  return {{"healed", true},
          {"child_settings", run.child->cut.heal_settings},
          {"text_digest", run.child->cut.heal_text_digest},
          {"layers", Json::array()}};
}

Json devices_json(const std::vector<std::vector<DeviceMemory>>& contexts) {
  Json rows = Json::array();
  for (const auto& devices : contexts) {
    Json row = Json::object();
    for (const auto* part : {"weights", "kv_cache", "compute", "other"}) row[part] = 0;
    for (const auto& device : devices) {
      const auto add = [&](const char* key, std::uint64_t bytes) {
        row[key] = row[key].get<std::uint64_t>() + bytes;
      };
      add("weights", device.weights);
      add("kv_cache", device.kv_cache);
      add("compute", device.compute);
      add("other", device.other);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Json memory_json(const ReportMemory& memory) {
  Json json = {{"engine", memory.engine},
               {"contexts", memory.contexts},
               {"child", devices_json(memory.child)}};
  json["parent"] = memory.parent.empty() ? Json(nullptr) : devices_json(memory.parent);
  return json;
}

std::string line_of(const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) line += (line.empty() ? "" : " ") + shell_word(word);
  return line;
}

// The commands that put the specialist to use, package first.
Json use_json(const RunFacts& run) {
  const PackageNaming naming{.child = run.child_file->path, .name = {}};
  const auto manifest = planned_manifest(naming, *run.child);
  const auto folder = run.name + "-package";
  std::vector<std::string> pack = {"coe", "package", run.child_file->path.filename().string(), "-o",
                                   folder};
  if (run.parent_file) pack.insert(pack.end(), {"-m", run.parent_file->path.string()});
  Json json = {{"package", line_of(pack)},
               {"folder", line_of({"cd", folder})},
               {"chat", line_of({"coe", "chat", "-m", run.child_file->path.filename().string()})},
               {"programs", Json::array()}};
  for (const auto& use : program_uses(manifest, true)) {
    Json commands = Json::array();
    for (const auto& command : use.commands) commands.push_back(line_of(command));
    json["programs"].push_back({{"program", use.program},
                                {"commands", std::move(commands)},
                                {"note", use.note},
                                {"think_off", use.think_off}});
  }
  return json;
}

// Points over tokens, and the share of replicates that keep an expert.
Json stability_json(const Json& document) {
  Json json = {{"n_keep", document.value("n_keep", Json())}, {"points", Json::array()}};
  for (const auto& point : document.value("points", Json::array())) {
    Json row = Json::object();
    for (const auto* key : {"n_token", "n_sample", "jaccard", "jaccard_lower", "entropy"})
      row[key] = point.value(key, Json());
    json["points"].push_back(std::move(row));
  }
  json["membership"] = Json::array();
  for (const auto& layer : document.value("layers", Json::array())) {
    Json row = Json::array();
    for (const auto& share : layer.value("membership", Json::array()))
      row.push_back(share.is_number() ? rounded_for_page(share.get<double>()) : 0.0);
    json["membership"].push_back(std::move(row));
  }
  return json;
}

void note_missing(const RunFacts& run, std::vector<std::string>& missing) {
  const auto note = [&](bool is_missing, std::string_view words) {
    if (is_missing) missing.emplace_back(words);
  };
  note(!run.mask, "a mask: this is a profile alone");
  note(run.mask && run.profiles.empty(),
       "the routing profile that the mask was made of (-p gives it)");
  note(run.mask && !run.child, "the specialist's file, and what was measured of it");
  note(run.child && !run.evaluation, "an evaluation on held-out text");
  note(run.child && !run.chats, "whether it answers chats");
  note(run.child && !run.child->cut.heal_settings.empty() && !run.healing,
       "what healing gave each layer (NAME.heal.json)");
  note(run.child && !run.parent_file, "the size and memory of the parent (-m gives it)");
  note(run.child && !run.memory, "the memory that it takes");
  note(!run.stability, "whether the text was enough (`coe profile --stability`)");
}

Status describe_shape(const RunFacts& run, Json& json) {
  Json layers = Json::array();
  if (run.mask) {
    for (const auto& [layer, ids] : run.mask->layers()) layers.push_back(layer.value);
  } else {
    for (const LayerId layer : run.profiles.front().stats.shape.layers)
      layers.push_back(layer.value);
  }
  std::uint32_t n_expert = run.mask ? run.mask->n_expert() : 0;
  std::uint32_t n_expert_used = run.child ? run.child->n_expert_used : 0;
  if (!run.profiles.empty()) {
    n_expert = run.profiles.front().stats.shape.n_expert;
    n_expert_used = run.profiles.front().stats.shape.n_expert_used;
  }
  if (n_expert == 0)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: does not say how many experts its model has", run.name),
                "give its profile with -p, or a mask in coe's own form");
  json["layers"] = std::move(layers);
  json["n_expert"] = n_expert;
  json["n_expert_used"] = n_expert_used == 0 ? Json(nullptr) : Json(n_expert_used);
  json["n_used"] =
      run.child && run.child->cut.n_used > 0 ? Json(run.child->cut.n_used) : Json(nullptr);
  json["n_keep"] = run.mask ? Json(run.mask->n_keep()) : Json(nullptr);
  json["kept"] = run.mask ? kept_json(*run.mask, n_expert) : Json(nullptr);
  return {};
}

}  // namespace

Result<Json> run_json(const RunFacts& run) {
  const bool mask_says = run.mask && !run.mask->parent.digest.empty();
  const auto& parent =
      mask_says || run.profiles.empty() ? run.mask->parent : run.profiles.front().stats.parent;
  Json json = {{"name", run.name},
               {"title", run.child ? run.child->id.name : run.name},
               {"domain", run.mask ? mask_domain(*run.mask) : std::string()},
               {"architecture", parent.architecture},
               {"quantization", run.child ? run.child->quantization : std::string()},
               {"parent", {{"name", parent.name}, {"digest", parent.digest}}},
               {"mask_digest", run.mask ? Json(run.mask->digest()) : Json(nullptr)}};
  COE_TRY_STATUS(describe_shape(run, json));
  Json swaps = Json::array();
  json["passes"] = run.mask ? passes_json(*run.mask, swaps) : Json::array();
  json["swap_columns"] = Json::array({"pass"});
  for (const auto* key : kSwapKeys) json["swap_columns"].push_back(key);
  json["swaps"] = std::move(swaps);
  std::vector<std::string> missing;
  note_missing(run, missing);
  json["profile"] = nullptr;
  if (!run.profiles.empty()) {
    COE_TRY(json["profile"], profile_json(run, missing));
  }
  json["stability"] = run.stability ? stability_json(*run.stability) : Json(nullptr);
  json["evaluation"] = run.evaluation ? evaluation_json(*run.evaluation) : Json(nullptr);
  json["healing"] = healing_json(run);
  json["chat"] = run.chats ? chat_json(*run.chats) : Json(nullptr);
  json["choice"] = run.choice ? run.choice->value("scores", Json::array()) : Json(nullptr);
  json["child_file"] = run.child_file ? file_json(*run.child_file) : Json(nullptr);
  json["parent_file"] = run.parent_file ? file_json(*run.parent_file) : Json(nullptr);
  json["memory"] = run.memory ? memory_json(*run.memory) : Json(nullptr);
  json["use"] = run.child ? use_json(run) : Json(nullptr);
  json["missing"] = missing;
  return json;
}

}  // namespace coe
