#include "coe/cli/render/specialize.h"

#include "coe/base/stats/summary.h"
#include "coe/base/text.h"
#include "coe/cli/render/eval.h"
#include "coe/cli/render/slice_check.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

#include <vector>

namespace coe::cli {

namespace {

std::string change(double value, double from) {
  return fmt::format("{:.2f} ({:+.0f} %)", value, 100.0 * (value / from - 1.0));
}

Json stage_json(const StageReport& stage) {
  return {{"name", stage.name},
          {"file", stage.file.empty() ? Json(nullptr) : Json(stage.file.string())},
          {"reused", stage.reused},
          {"wall_s", stage.wall_s}};
}

Json specialist_json(const DomainResult& row) {
  const auto& s = row.specialist;
  return {{"name", row.name},
          {"own", row.own},
          {"n_record", s.n_record},
          {"n_token", s.n_token},
          {"parent_perplexity", s.reference_perplexity()},
          {"perplexity", s.perplexity()},
          {"kl_mean", s.kl_mean()},
          {"top1_agreement", s.top1_agreement()},
          {"random_perplexity", row.random_perplexity},
          {"random_kl_mean", row.random_kl}};
}

std::string specialist_table(const SpecializeReport& report) {
  const auto n_random =
      report.domains.empty() ? 0 : report.domains.front().random_perplexity.size();
  std::vector<std::vector<std::string>> rows = {
      {"text", "parent", "specialist", "same first choice"}};
  if (n_random > 0)
    rows.front().push_back(fmt::format("random {} (mean of {})", report.n_keep, n_random));
  for (const auto& row : report.domains) {
    const auto& s = row.specialist;
    const double parent = s.reference_perplexity();
    rows.push_back({row.name + (row.own ? " (its domain)" : ""), fmt::format("{:.2f}", parent),
                    change(s.perplexity(), parent),
                    fmt::format("{:.0f} %", 100 * s.top1_agreement())});
    if (n_random > 0) rows.back().push_back(change(mean(row.random_perplexity), parent));
  }
  return format_table(rows);
}

}  // namespace

Json specialize_json(const SpecializeOutput& output) {
  const auto& report = output.report;
  auto doc = document("specialize");
  doc["parent"] = output.parent.string();
  doc["child"] = output.child.string();
  doc["stages"] = Json::array();
  for (const auto& stage : report.stages) doc["stages"].push_back(stage_json(stage));
  doc["n_keep"] = report.n_keep;
  doc["n_expert"] = report.n_expert;
  doc["bytes_parent"] = report.bytes_parent;
  doc["bytes_child"] = report.bytes_child;
  doc["coverage"] = report.coverage;
  doc["n_expert_checked"] = report.n_expert_checked;
  doc["slice_check"] = report.slice_check ? slice_check_json(*report.slice_check) : Json(nullptr);
  doc["noise"] = report.noise ? noise_json(*report.noise) : Json(nullptr);
  doc["eval"]["domains"] = Json::array();
  for (const auto& row : report.domains) doc["eval"]["domains"].push_back(specialist_json(row));
  return doc;
}

std::string specialize_text(const SpecializeOutput& output) {
  const auto& report = output.report;
  std::string text = fmt::format(
      "\n{}: {} of {} experts kept in each layer\n\n  size   {} → {} ({:.0f} % of the parent)\n",
      output.child.string(), report.n_keep, report.n_expert, human_bytes(report.bytes_parent),
      human_bytes(report.bytes_child),
      100.0 * static_cast<double>(report.bytes_child) / static_cast<double>(report.bytes_parent));
  text += fmt::format("  proof  {} experts equal their source byte for byte\n",
                      report.n_expert_checked);
  if (report.slice_check)
    text += fmt::format(
        "         layer by layer on the masked parent's inputs the file computes what that does:\n"
        "         {}\n",
        slice_check_text(*report.slice_check));
  if (report.noise) text += fmt::format("  noise  {}\n", noise_text(*report.noise));
  return text +
         "\n"
         "Perplexity on held-out text (lower is better), and how often the specialist's first "
         "choice is the parent's:\n" +
         specialist_table(report);
}

}  // namespace coe::cli
