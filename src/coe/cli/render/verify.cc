#include "coe/cli/render/verify.h"

#include "coe/base/text.h"
#include "coe/cli/render/slice_check.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

namespace coe::cli {

Json verify_json(const VerifyOutput& output) {
  const auto& report = output.report;
  auto doc = document("verify");
  doc["parent"] = output.parent.string();
  doc["child"] = output.child.string();
  doc["ok"] = output.ok();
  doc["n_keep"] = report.n_keep;
  doc["n_used"] = report.n_used > 0 ? Json(report.n_used) : Json(nullptr);
  doc["n_tensor"] = report.n_tensor;
  doc["n_tensor_cut"] = report.n_tensor_cut;
  doc["n_expert_checked"] = report.n_expert_checked;
  doc["n_bytes_compared"] = report.n_bytes_compared;
  doc["mask_recovered"] = report.mask_recovered;
  doc["mode"] = report.zeroed ? "zero" : "slice";
  doc["mtp_dropped"] = report.mtp_dropped;
  doc["wall_s"] = output.wall_s;
  doc["norms"] = Json::object();
  for (const auto& norm : report.norms) doc["norms"][norm.tensor] = norm.l2;
  doc["healed"] = Json::array();
  for (const auto& tensor : report.healed)
    doc["healed"].push_back({{"tensor", tensor.tensor},
                             {"parent_type", tensor.parent_type},
                             {"type", tensor.type},
                             {"change", tensor.change ? Json(*tensor.change) : Json(nullptr)}});
  doc["bad"] = Json::array();
  for (const auto& finding : report.bad)
    doc["bad"].push_back({{"where", finding.where}, {"message", finding.message}});
  doc["slice_check"] = output.run ? slice_check_json(*output.run) : Json(nullptr);
  return doc;
}

std::string verify_text(const VerifyOutput& output) {
  const auto& report = output.report;
  std::string text;
  if (report.ok()) {
    text = fmt::format("{}: ok, {} experts and {} tensors equal their source byte for byte ({})\n",
                       output.child.string(), report.n_expert_checked,
                       report.n_tensor - report.n_tensor_cut - report.healed.size(),
                       human_bytes(report.n_bytes_compared));
    if (report.n_used > 0)
      text += fmt::format("experts used a token: {}, fewer than the parent's, as it records\n",
                          report.n_used);
    if (!report.healed.empty())
      text += fmt::format("healed, by how much they differ from the parent's, {} tensors:\n",
                          report.healed.size());
    std::vector<std::vector<std::string>> rows = {{"tensor", "parent's", "healed", "differs by"}};
    for (const auto& tensor : report.healed)
      rows.push_back({tensor.tensor, std::string(tensor.parent_type), std::string(tensor.type),
                      tensor.change ? fmt::format("{:.2f} %", 100.0 * *tensor.change) : ""});
    if (!report.healed.empty()) text += format_table(rows);
  } else {
    text = fmt::format("{}: NOT a cut of {}, {} findings:\n", output.child.string(),
                       output.parent.string(), report.bad.size());
    for (const auto& finding : report.bad)
      text += fmt::format("  {}: {}\n", finding.where, finding.message);
  }
  if (output.run && output.run->ok())
    text +=
        fmt::format("run on the masked parent's inputs: ok, {}\n", slice_check_text(*output.run));
  else if (output.run)
    text += fmt::format("run on the masked parent's inputs: NOT what the parent computes: {}\n",
                        output.run->finding);
  return text;
}

}  // namespace coe::cli
