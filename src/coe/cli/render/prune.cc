#include "coe/cli/render/prune.h"

#include "coe/base/text.h"
#include "coe/cli/render/expert_counts.h"
#include "coe/cli/render/table.h"
#include "coe/model/gguf/tensor_type.h"

#include <fmt/format.h>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

// The child's; null where it has none.
Json name_of(const SurgeryPlan& plan) {
  const auto* key = plan.parts.front().header.find_key("general.name");
  const auto name = key == nullptr ? std::nullopt : key->as_string();
  return name ? Json(*name) : Json(nullptr);
}

Json plan_json(const SurgeryPlan& plan) {
  Json tensors = Json::array();
  for (std::size_t p = 0; p < plan.parts.size(); ++p) {
    const PartPlan& part = plan.parts[p];
    for (std::size_t i = 0; i < part.tensors.size(); ++i) {
      const auto& planned = part.tensors[i];
      Json ranges = Json::array();
      for (const auto& range : planned.ranges)
        if (range.source == ByteRange::Source::kParent)
          ranges.push_back({range.part, range.offset, range.n_bytes});
      tensors.push_back({{"name", part.header.tensors[i].name},
                         {"file", p},
                         {"cut", planned.cut},
                         {"rewritten", !planned.bytes.empty()},
                         {"ranges", std::move(ranges)}});
    }
  }
  return tensors;
}

std::string plan_table(const SurgeryPlan& plan) {
  std::vector<std::vector<std::string>> rows = {{"tensor", "type", "shape", "bytes", "ranges"}};
  for (const auto& part : plan.parts) {
    for (std::size_t i = 0; i < part.tensors.size(); ++i) {
      const auto& tensor = part.header.tensors[i];
      const auto& planned = part.tensors[i];
      if (!planned.cut) continue;
      rows.push_back(
          {tensor.name, std::string(gguf::traits(tensor.type).name), gguf::shape_text(tensor),
           fmt::format("{}", tensor.n_bytes),
           planned.bytes.empty() ? fmt::format("{}", planned.ranges.size()) : "rewritten"});
    }
  }
  return format_table(rows);
}

}  // namespace

Json prune_json(const PruneOutput& output) {
  const auto& plan = output.plan;
  auto doc = document("prune");
  doc["parent"] = output.parent.string();
  doc["child"] = output.files.front().string();
  doc["files"] = Json::array();
  for (const auto& path : output.files) doc["files"].push_back(path.string());
  doc["name"] = name_of(plan);
  doc["mode"] = output.mode;
  add_counts(doc, output.counts);
  doc["bytes_parent"] = output.bytes_parent;
  doc["bytes_child"] = plan.file_bytes;
  doc["n_tensor"] = plan.n_tensor;
  doc["n_tensor_cut"] = plan.n_tensor_cut;
  doc["dry_run"] = output.dry_run;
  doc["wall_s"] = output.wall_s;
  doc["proof"] = nullptr;
  if (output.proof != nullptr)
    doc["proof"] = {{"ok", output.proof->ok()},
                    {"n_expert_checked", output.proof->n_expert_checked},
                    {"n_bytes_compared", output.proof->n_bytes_compared},
                    {"wall_s", output.proof_wall_s}};
  doc["warnings"] = plan.warnings;
  if (output.dry_run) doc["tensors"] = plan_json(plan);
  return doc;
}

std::string prune_text(const PruneOutput& output) {
  const auto& plan = output.plan;
  const auto before = human_bytes(output.bytes_parent);
  const auto after = human_bytes(plan.file_bytes);
  if (output.dry_run)
    return plan_table(plan) + fmt::format("would cut {} of {} tensors: {} to {} in {} file(s)\n",
                                          plan.n_tensor_cut, plan.n_tensor, before, after,
                                          plan.parts.size());
  auto text = fmt::format(
      "{}: {} of {} experts a layer{}, {} → {} ({:.0f} %), {} tensors cut in {:.2f} s\n",
      output.files.front().string(), output.counts.n_keep, output.counts.n_expert,
      used_words(output.counts), before, after,
      100.0 * static_cast<double>(plan.file_bytes) / static_cast<double>(output.bytes_parent),
      plan.n_tensor_cut, output.wall_s);
  if (output.proof != nullptr)
    text += fmt::format("proven: {} slabs of experts and {} are the parent's, in {:.2f} s\n",
                        output.proof->n_expert_checked, human_bytes(output.proof->n_bytes_compared),
                        output.proof_wall_s);
  return text;
}

}  // namespace coe::cli
