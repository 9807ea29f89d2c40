#include "coe/cli/render/package.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/shell_word.h"
#include "coe/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

std::string command_line(const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) line += (line.empty() ? "" : " ") + shell_word(word);
  return line;
}

}  // namespace

Json package_json(const PackageReport& report) {
  auto doc = manifest_json(report.manifest);
  doc["folder"] = report.folder.string();
  doc["placement"] = placement_name(report.placement);
  doc["lm_studio"] = report.lm_studio;
  doc["programs"] = Json::array();
  for (const auto& use : report.uses)
    doc["programs"].push_back({{"program", use.program},
                               {"commands", use.commands},
                               {"think_off", use.think_off},
                               {"note", use.note}});
  return doc;
}

std::string package_text(const PackageReport& report) {
  const auto& m = report.manifest;
  std::string text = fmt::format(
      "{}: {}\n\n  model    {}, {}, a {} of the child\n  sha256   {}\n  files    {} and {}\n",
      report.folder.string(), printable(m.name), m.model.file, human_bytes(m.model.bytes),
      placement_name(report.placement), m.model.sha256, m.files.size(), kManifest);
  for (const auto& fact : m.missing)
    text += fmt::format("  {}  {}\n", &fact == &m.missing.front() ? "missing" : "       ",
                        printable(fact, 200));
  text += fmt::format("\nTo run it, with thinking off:\n\n  cd {}\n",
                      shell_word(report.folder.string()));
  for (const auto& use : report.uses) {
    text += fmt::format("\n  # {}\n", use.program);
    for (const auto& words : use.commands) text += fmt::format("  {}\n", command_line(words));
  }
  return text + "\n";
}

Json package_check_json(const Path& folder, const PackageProof& proof) {
  auto doc = document("package-check");
  doc["folder"] = folder.string();
  doc["ok"] = proof.ok();
  doc["bytes_hashed"] = proof.bytes_hashed;
  doc["checks"] = Json::array();
  for (const auto& check : proof.checks) {
    Json findings = Json::array();
    for (const auto& finding : check.findings)
      findings.push_back({{"where", finding.where}, {"message", finding.message}});
    doc["checks"].push_back({{"name", check.name},
                             {"state", check_state_name(check.state)},
                             {"said", check.said},
                             {"findings", std::move(findings)}});
  }
  return doc;
}

std::string package_check_text(const Path& folder, const PackageProof& proof) {
  const auto n_failed = std::ranges::count_if(
      proof.checks, [](const auto& check) { return check.state == CheckState::kFailed; });
  std::string text = fmt::format(
      "{}: {}\n", folder.string(),
      n_failed == 0 ? "ok" : fmt::format("{} of {} checks failed", n_failed, proof.checks.size()));
  for (const auto& check : proof.checks) {
    text +=
        fmt::format("  {:<9}  {:<7}  {}\n", check.name, check_state_name(check.state), check.said);
    for (const auto& finding : check.findings)
      text += fmt::format("             {}: {}\n", finding.where, finding.message);
  }
  return text;
}

}  // namespace coe::cli
