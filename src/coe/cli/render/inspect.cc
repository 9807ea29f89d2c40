#include "coe/cli/render/inspect.h"

#include "coe/base/printable.h"
#include "coe/base/text.h"
#include "coe/child/surgery/records.h"
#include "coe/cli/render/memory.h"
#include "coe/cli/render/table.h"
#include "coe/model/gguf/tensor_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

Json layers_json(const OpenModel& model) {
  Json layers = Json::array();
  for (const auto& layer : model.moe.layers) {
    Json tensors = Json::array();
    for (const auto& t : layer.experts) {
      const auto& info = model.file.header().tensors[t.tensor];
      tensors.push_back(
          {{"name", info.name},
           {"type", gguf::traits(info.type).name},
           {"shape", std::vector<std::uint64_t>(info.ne.begin(), info.ne.begin() + info.n_dims)},
           {"bytes_expert", t.slab_bytes}});
    }
    layers.push_back({{"layer", layer.id.value},
                      {"bytes_expert", layer.expert_bytes},
                      {"tensors", std::move(tensors)}});
  }
  return layers;
}

Json cut_json(const CutRecords& cut) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
  };
  return {{"parent", {{"name", cut.parent_name}, {"digest", or_null(cut.parent_digest)}}},
          {"n_keep", cut.n_keep},
          {"n_expert", cut.n_expert},
          {"n_used", cut.n_used > 0 ? Json(cut.n_used) : Json(nullptr)},
          {"n_layer", cut.n_layer > 0 ? Json(cut.n_layer) : Json(nullptr)},
          {"domain", or_null(cut.domain)},
          {"mode", or_null(cut.mode)},
          {"coe_version", or_null(cut.version)}};
}

std::string cut_text(const CutRecords& cut) {
  const auto layers =
      cut.n_layer > 0 ? fmt::format("each of {} layers", cut.n_layer) : std::string("each layer");
  std::string text = fmt::format(
      "  specialist    {} of {} experts in {} of {}{}{}\n", cut.n_keep, cut.n_expert, layers,
      printable(cut.parent_name), cut.mode == "zero" ? ", the others zeroed" : "",
      cut.version.empty() ? "" : fmt::format(", made by coe {}", printable(cut.version)));
  if (cut.n_used > 0)
    text += fmt::format("  used          {} a token, fewer than the parent's\n", cut.n_used);
  if (!cut.domain.empty()) text += fmt::format("  domain        {}\n", cut.domain);
  if (!cut.parent_digest.empty())
    text += fmt::format("  parent        {}\n", printable(cut.parent_digest));
  return text;
}

// The largest first.
std::string parts_text(const FileParts& found) {
  std::vector<std::pair<std::string_view, std::uint64_t>> sorted(found.parts.begin(),
                                                                 found.parts.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [name, bytes] : sorted)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, human_bytes(bytes));
  return text;
}

}  // namespace

Json inspect_json(const Path& file, const OpenModel& model, const FileParts& parts) {
  const auto& moe = model.moe;
  auto doc = document("inspect");
  doc["file"] = file.string();
  doc["name"] = moe.id.name;
  const auto cut = read_cut_records(model.file.header());
  doc["specialist"] = cut ? cut_json(*cut) : Json(nullptr);
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
  doc["bytes_file"] = model.file.header().file_bytes;
  doc["bytes_expert"] = moe.expert_bytes();
  for (const auto& [name, bytes] : parts.parts) doc["bytes_part"][std::string(name)] = bytes;
  for (const auto& [name, bytes] : parts.types) doc["bytes_type"][std::string(name)] = bytes;
  doc["sizes"] = Json::array();
  for (const auto k : suggested_counts(moe))
    doc["sizes"].push_back({{"n_keep", k}, {"bytes_file", bytes_at(model, k)}});
  doc["layers"] = layers_json(model);
  doc["warnings"] = moe.warnings;
  return doc;
}

std::string inspect_text(const Path& file, const OpenModel& model, const FileParts& parts) {
  const auto& moe = model.moe;
  const auto bytes_file = model.file.header().file_bytes;
  std::string text = fmt::format("{}: {}\n", file.string(), printable(moe.id.name));
  if (const auto cut = read_cut_records(model.file.header())) text += cut_text(*cut);
  text += fmt::format("  architecture  {}, {} layers, {} of them MoE\n", moe.id.architecture,
                      moe.n_block, moe.layers.size());
  text += fmt::format("  experts       {} a layer, {} used per token{}\n", moe.n_expert,
                      moe.n_expert_used, moe.shared_expert ? ", beside a shared expert" : "");
  text += fmt::format("  routing       {}{}{}\n", gating_name(moe.gating),
                      moe.selection_bias ? ", with selection bias" : "",
                      moe.n_expert_group > 1 ? fmt::format(", {} groups", moe.n_expert_group) : "");
  text += fmt::format("  file          {} (one expert of every layer: {})\n",
                      human_bytes(bytes_file), human_bytes(moe.expert_bytes()));
  text += fmt::format("  parts         {}\n  digest        {}\n\nKeeping K experts a layer:\n",
                      parts_text(parts), moe.id.digest);
  std::vector<std::vector<std::string>> rows = {{"K", "file", "of parent"}};
  for (const auto k : suggested_counts(moe))
    rows.push_back({fmt::format("{}", k), human_bytes(bytes_at(model, k)),
                    fmt::format("{:.0f} %", 100.0 * static_cast<double>(bytes_at(model, k)) /
                                                static_cast<double>(bytes_file))});
  return text + format_table(rows);
}

Json cuts_json(std::span<const CutMemory> cuts) {
  Json out = Json::array();
  for (const auto& cut : cuts) {
    Json devices = Json::array();
    for (const auto& device : cut.devices) devices.push_back(memory_json(device));
    out.push_back({{"n_keep", cut.n_keep},
                   {"n_ctx", cut.n_ctx},
                   {"devices", std::move(devices)},
                   {"sum", sum_of(cut.devices)}});
  }
  return out;
}

std::string cuts_text(std::span<const CutMemory> cuts, std::string_view engine) {
  // Cuts of one count stand in a row, the parent's first.
  const auto n_context = static_cast<std::size_t>(
      std::ranges::find_if(cuts, [&](const auto& c) { return c.n_keep != cuts[0].n_keep; }) -
      cuts.begin());
  std::vector<std::vector<std::string>> table = {{"K", "device"}};
  for (const auto& cut : cuts.first(n_context)) table[0].push_back(fmt::format("-c {}", cut.n_ctx));
  for (std::size_t k = 0; k < cuts.size(); k += n_context)
    for (std::size_t d = 0; d < cuts[k].devices.size(); ++d) {
      auto& row = table.emplace_back(
          std::vector{fmt::format("{}", cuts[k].n_keep), cuts[k].devices[d].device});
      for (const auto& cut : cuts.subspan(k, n_context))
        row.push_back(human_bytes(cut.devices[d].sum()));
    }
  return fmt::format("\nMemory to run it, as {} would allocate it ({}):\n{}", engine,
                     "weights, KV cache, compute buffers, and what is beside them",
                     format_table(table));
}

}  // namespace coe::cli
