// coe inspect: what is in the file, and what cutting it would give.
#include "coe/base/text.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/model_memory.h"
#include "coe/cli/session.h"

#include <algorithm>
#include <map>

namespace coe::cli {

namespace {

struct Options {
  EngineOptions engine;
  std::vector<std::uint32_t> contexts;
  std::vector<std::uint32_t> counts;
};

std::string_view part_of(std::string_view name, bool is_expert) {
  if (is_expert) return "experts";
  if (name.starts_with("token_embd") || name.starts_with("output") ||
      name.starts_with("per_layer_token_embd"))
    return "embeddings";
  if (name.find(".attn_") != std::string_view::npos) return "attention";
  if (name.find(".ffn_") != std::string_view::npos) return "dense ffn";
  return "other";
}

// Sizes worth showing: what fused GPU kernels like, from half of the experts used upwards.
std::vector<std::uint32_t> suggested_counts(const MoeModel& moe) {
  std::vector<std::uint32_t> counts;
  for (const double share : {0.75, 0.5, 0.375, 0.25, 0.125}) {
    const auto k = static_cast<std::uint32_t>(moe.n_expert * share);
    if (k < moe.n_expert_used || k == 0 || k >= moe.n_expert) continue;
    if (k % (std::max(moe.n_expert_group, 1U) * moe.n_chunk_expert) != 0) continue;
    counts.push_back(k);
  }
  return counts;
}

// What the model and its cuts would take, at each context, on all devices together and on each.
Status add_memory(const OpenModel& model, const Options& options, Session& session, Json& doc,
                  std::string& text) {
  auto contexts = options.contexts;
  for (auto& n_ctx : contexts) n_ctx = std::min(n_ctx, model.moe.n_ctx_train);
  auto counts = options.counts.empty() ? suggested_counts(model.moe) : options.counts;
  counts.insert(counts.begin(), model.moe.n_expert);
  std::vector<std::vector<std::string>> table = {{"K", "device"}};
  for (const auto n_ctx : contexts) table[0].push_back(fmt::format("-c {}", n_ctx));
  doc["memory"] = Json::array();
  for (std::size_t k = 0; k < counts.size(); ++k) {
    session.console.progress("memory", k, counts.size(), "models");
    if (session.console.cancelled()) return fail(Code::kCancelled, "interrupted");
    COE_TRY(const auto found, k == 0 ? predicted_memory(session.library, options.engine, contexts)
                                     : predicted_child_memory(session.library, model, counts[k],
                                                              options.engine, contexts));
    for (std::size_t d = 0; d < found.front().size(); ++d) {
      auto& row = table.emplace_back(std::vector{fmt::format("{}", counts[k]), found[0][d].device});
      for (const auto& devices : found) row.push_back(human_bytes(devices[d].sum()));
    }
    for (std::size_t c = 0; c < contexts.size(); ++c) {
      Json devices = Json::array();
      for (const auto& device : found[c]) devices.push_back(memory_json(device));
      doc["memory"].push_back({{"n_keep", counts[k]},
                               {"n_ctx", contexts[c]},
                               {"devices", std::move(devices)},
                               {"sum", sum_of(found[c])}});
    }
  }
  session.console.clear();
  text += fmt::format(
      "\nMemory to run it, as {} would allocate it ({}):\n{}", session.library.version(),
      "weights, KV cache, compute buffers, and what is beside them", format_table(table));
  return {};
}

Result<int> inspect(const Options& options, Session& session) {
  COE_TRY(const auto model, open_model(options.engine.model, session));
  const auto& header = model.file.header();
  const auto& moe = model.moe;

  std::vector<bool> is_expert(header.tensors.size(), false);
  const std::uint64_t bytes_expert = moe.expert_bytes();
  for (const auto* layers : {&moe.layers, &moe.mtp_layers})
    for (const auto& layer : *layers) {
      for (const auto& t : layer.experts) is_expert[t.tensor] = true;
      for (const auto& t : layer.chunks) is_expert[t.tensor] = true;
    }
  std::map<std::string_view, std::uint64_t> parts;
  std::map<std::string_view, std::uint64_t> types;
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    const auto& tensor = header.tensors[i];
    parts[part_of(tensor.name, is_expert[i])] += tensor.n_bytes;
    types[gguf::traits(tensor.type).name] += tensor.n_bytes;
  }
  const auto size_at = [&](std::uint32_t k) {
    return header.file_bytes - bytes_expert * (moe.n_expert - k);
  };

  auto doc = document("inspect");
  doc["file"] = options.engine.model.string();
  doc["name"] = moe.id.name;
  doc["architecture"] = moe.id.architecture;
  doc["digest"] = moe.id.digest;
  doc["n_layer"] = moe.n_block;
  doc["n_layer_moe"] = moe.layers.size();
  doc["n_expert"] = moe.n_expert;
  doc["n_expert_used"] = moe.n_expert_used;
  doc["n_expert_group"] = moe.n_expert_group;
  doc["gating"] = gating_name(moe.gating);
  doc["selection_bias"] = moe.selection_bias;
  doc["shared_expert"] = moe.shared_expert;
  doc["n_embd"] = moe.n_embd;
  doc["n_ctx_train"] = moe.n_ctx_train;
  doc["bytes_file"] = header.file_bytes;
  doc["bytes_expert"] = bytes_expert;
  for (const auto& [name, bytes] : parts) doc["bytes_part"][std::string(name)] = bytes;
  for (const auto& [name, bytes] : types) doc["bytes_type"][std::string(name)] = bytes;
  doc["sizes"] = Json::array();
  for (const auto k : suggested_counts(moe))
    doc["sizes"].push_back({{"n_keep", k}, {"bytes_file", size_at(k)}});
  doc["layers"] = Json::array();
  for (const auto& layer : moe.layers) {
    Json tensors = Json::array();
    for (const auto& t : layer.experts) {
      const auto& info = header.tensors[t.tensor];
      tensors.push_back(
          {{"name", info.name},
           {"type", gguf::traits(info.type).name},
           {"shape", std::vector<std::uint64_t>(info.ne.begin(), info.ne.begin() + info.n_dims)},
           {"bytes_expert", t.slab_bytes}});
    }
    doc["layers"].push_back({{"layer", layer.id.value},
                             {"bytes_expert", layer.expert_bytes},
                             {"tensors", std::move(tensors)}});
  }
  doc["warnings"] = moe.warnings;

  std::string text = fmt::format("{}: {}\n", options.engine.model.string(), moe.id.name);
  text += fmt::format("  architecture  {}, {} layers, {} of them MoE\n", moe.id.architecture,
                      moe.n_block, moe.layers.size());
  text += fmt::format("  experts       {} a layer, {} used per token{}\n", moe.n_expert,
                      moe.n_expert_used, moe.shared_expert ? ", beside a shared expert" : "");
  text += fmt::format("  routing       {}{}{}\n", gating_name(moe.gating),
                      moe.selection_bias ? ", with selection bias" : "",
                      moe.n_expert_group > 1 ? fmt::format(", {} groups", moe.n_expert_group) : "");
  text += fmt::format("  file          {} (one expert of every layer: {})\n",
                      human_bytes(header.file_bytes), human_bytes(bytes_expert));
  text += "  parts         ";
  std::vector<std::pair<std::string_view, std::uint64_t>> sorted(parts.begin(), parts.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second > b.second; });
  for (std::size_t i = 0; i < sorted.size(); ++i)
    text +=
        fmt::format("{}{} {}", i > 0 ? ", " : "", sorted[i].first, human_bytes(sorted[i].second));
  text += fmt::format("\n  digest        {}\n\nKeeping K experts a layer:\n", moe.id.digest);
  std::vector<std::vector<std::string>> rows = {{"K", "file", "of parent"}};
  for (const auto k : suggested_counts(moe))
    rows.push_back({fmt::format("{}", k), human_bytes(size_at(k)),
                    fmt::format("{:.0f} %", 100.0 * static_cast<double>(size_at(k)) /
                                                static_cast<double>(header.file_bytes))});
  text += format_table(rows);
  if (!options.contexts.empty()) COE_TRY_STATUS(add_memory(model, options, session, doc, text));
  COE_TRY_STATUS(session.emit(doc, text));
  return kExitDone;
}

}  // namespace

void add_inspect(CLI::App& app, Run& run) {
  auto options = std::make_shared<Options>();
  auto* verb =
      app.add_subcommand("inspect", "Show what is in a MoE GGUF and what K experts would weigh");
  serve_defaults(options->engine);
  verb->add_option("model,-m,--model", options->engine.model, "GGUF file")->required();
  verb->add_option("-c,--ctx-size", options->contexts,
                   "Predict the memory it and its cuts need with contexts of so many tokens, "
                   "capped at what it was trained for: 16384,65536")
      ->delimiter(',')
      ->check(CLI::Range(16U, 1U << 30));
  verb->add_option("-k,--keep", options->counts,
                   "With -c: cuts to predict, experts in each layer (default: those suggested)")
      ->delimiter(',');
  add_device_options(*verb, options->engine);
  verb->callback([options, &run] {
    run = [options](Session& session) { return inspect(*options, session); };
  });
}

}  // namespace coe::cli
