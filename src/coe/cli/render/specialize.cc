#include "coe/cli/render/specialize.h"

#include "coe/base/printable.h"
#include "coe/base/stats/bootstrap.h"
#include "coe/base/stats/interval_text.h"
#include "coe/base/text.h"
#include "coe/cli/render/eval.h"
#include "coe/cli/render/expert_counts.h"
#include "coe/cli/render/mask_report.h"
#include "coe/cli/render/slice_check.h"
#include "coe/cli/render/table.h"
#include "coe/measure/chat_check/chat_check_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

Json stage_json(const StageReport& stage) {
  return {{"name", stage.name},
          {"file", stage.file.empty() ? Json(nullptr) : Json(stage.file.string())},
          {"reused", stage.reused},
          {"wall_s", stage.wall_s}};
}

Json specialist_json(const DomainResult& row) {
  const auto& s = row.specialist;
  Json json = row_head_json(row);
  json.update(Json{{"parent_perplexity", s.reference_perplexity()},
                   {"perplexity", s.perplexity()},
                   {"perplexity_ratio", interval_json(perplexity_ratio(s))},
                   {"kl_mean", s.kl_mean()},
                   {"kl_interval", interval_json(kl_interval(s))},
                   {"top1_agreement", s.top1_agreement()},
                   {"top1_interval", interval_json(top1_interval(s))},
                   {"cut_kl_mean", row.cut ? Json(row.cut->kl_mean()) : Json(nullptr)},
                   {"random_perplexity", Json::array()},
                   {"random_kl_mean", Json::array()}});
  for (const auto& random : row.random) {
    json["random_perplexity"].push_back(random.perplexity());
    json["random_kl_mean"].push_back(random.kl_mean());
  }
  return json;
}

// Of the seeds: "3.10", or "2.90 to 3.30".
std::string range_of(std::vector<double> values, int digits) {
  const auto [low, high] = std::ranges::minmax(values);
  const auto text = [&](double value) { return fmt::format("{:.{}f}", value, digits); };
  return text(low) == text(high) ? text(low) : text(low) + " to " + text(high);
}

// A point where there is one record.
std::string interval(const Interval& of, int digits) {
  if (of.lower == of.upper) return fixed(digits)(of.value);
  return interval_text(of, fixed(digits));
}

std::string verdict_text(const DomainResult& row) {
  switch (row.verdict) {
    case Verdict::kTooLittle:
      return fmt::format("too little text ({} record{} of {} tokens) to say anything",
                         row.specialist.n_record, row.specialist.n_record == 1 ? "" : "s",
                         row.specialist.n_token);
    case Verdict::kWorseThanRandom:
      return row.own ? "worse than random experts: do not use" : "worse than random experts";
    case Verdict::kNoBetterThanRandom:
      return row.own ? "no better than random experts: do not use"
                     : "no better than random experts";
    case Verdict::kKeeps:
      return "kept";
    case Verdict::kKeepsInPart:
      return "kept in part";
    case Verdict::kLoses:
      break;
  }
  return row.own ? "lost: choose a larger K" : "lost";
}

// Verdicts, each with the texts that it is of.
std::string verdicts_text(const SpecializeReport& report) {
  std::vector<std::pair<std::string, std::string>> lines;
  bool too_little = false;
  for (const auto& row : report.domains) {
    too_little = too_little || row.verdict == Verdict::kTooLittle;
    auto verdict = verdict_text(row);
    const auto same =
        std::ranges::find(lines, verdict, &std::pair<std::string, std::string>::first);
    if (same != lines.end())
      same->second += ", " + row.name;
    else
      lines.emplace_back(std::move(verdict), row.name);
  }
  std::string text;
  for (const auto& [verdict, names] : lines) text += fmt::format("  {}: {}\n", names, verdict);
  if (too_little)
    text += fmt::format(
        "  (a verdict needs {} records and {} tokens at least: give more text, or --eval)\n",
        kMinVerdictRecords, kMinVerdictTokens);
  return text;
}

std::string specialist_table(const SpecializeReport& report) {
  const std::size_t n_random = report.domains.empty() ? 0 : report.domains.front().random.size();
  std::vector<std::vector<std::string>> rows = {
      {"text", "records", "tokens", "perplexity × parent's", "KL to parent", "same first choice"}};
  const bool healed = std::ranges::any_of(
      report.domains, [](const DomainResult& row) { return row.cut.has_value(); });
  if (healed) rows.front().emplace_back("KL unhealed");
  if (n_random > 0) rows.front().push_back(fmt::format("KL of random {}", report.counts.n_keep));
  for (const auto& row : report.domains) {
    const auto& s = row.specialist;
    const bool part = row.own && row.name != kWholeDomain;
    rows.push_back({row.name + (part ? " (its domain)" : ""), fmt::format("{}", s.n_record),
                    fmt::format("{}", s.n_token), interval(perplexity_ratio(s), 2),
                    interval(kl_interval(s), 3),
                    fmt::format("{:.0f} %", 100 * s.top1_agreement())});
    if (healed) rows.back().push_back(row.cut ? fmt::format("{:.3f}", row.cut->kl_mean()) : "");
    if (n_random == 0) continue;
    std::vector<double> kls;
    kls.reserve(row.random.size());
    for (const auto& random : row.random) kls.push_back(random.kl_mean());
    rows.back().push_back(range_of(std::move(kls), 3));
  }
  return format_table(rows) + "\n" + verdicts_text(report);
}

std::string chats_text(const SpecializeReport& report) {
  if (!report.chats || report.chats->n_chat > 0) return {};
  return fmt::format(
      "  The parent has a chat template, and none of the {} records is a chat in it: what chats "
      "need was neither profiled nor measured (docs/formats/corpus.md, Chats, says how to add "
      "some)\n",
      report.chats->n_record);
}

Json chat_check_of(const SpecializeReport& report) {
  if (!report.chat_check) return nullptr;
  auto json = chat_counts_json(report.chat_check->child);
  json["parent"] = nullptr;
  if (report.chat_check->parent) json["parent"] = chat_counts_json(*report.chat_check->parent);
  return json;
}

std::string chat_check_text(const SpecializeReport& report) {
  if (!report.chat_check) return {};
  const auto& check = report.chat_check->child;
  if (!check.not_run.empty()) return fmt::format("  chat   not checked: {}\n", check.not_run);
  const auto faults = chat_fault_words(check);
  return fmt::format("  chat   {} with thinking off: {}\n",
                     check.passed() ? "it answers" : "it does not answer well",
                     faults.empty() ? fmt::format("{} of {} questions of its domain",
                                                  check.answers.size(), check.n_question)
                                    : "bad are " + faults);
}

std::string healing_text(const SpecializeReport& report) {
  if (!report.healing) return {};
  const auto& healing = *report.healing;
  if (!healing.helps)
    return "  heal   not healed: it would make up for less than 1 % of what the layers lost\n";
  return fmt::format(
      "  heal   by {}, on {} tokens: {:.1f} % of what the layers lost is left (validation "
      "tokens)\n",
      healing.method, healing.n_fit, 100.0 * healing.after);
}

std::string scores_text(const SpecializeReport& report) {
  std::string text;
  for (const auto& score : report.scores)
    text += fmt::format("{}{} {:.3f}{}", text.empty() ? "" : ", ", score.name, score.kl_mean,
                        score.chosen ? " (taken)" : "");
  return text;
}

}  // namespace

Json specialize_json(const SpecializeOutput& output) {
  const auto& report = output.report;
  auto doc = document("specialize");
  doc["parent"] = output.parent.string();
  doc["child"] = output.child.string();
  doc["report"] = output.page.empty() ? Json(nullptr) : Json(output.page.string());
  doc["name"] = report.name;
  doc["stages"] = Json::array();
  for (const auto& stage : report.stages) doc["stages"].push_back(stage_json(stage));
  doc["held_out"] = {
      {"given", report.held_out.is_given},
      {"n_text", report.held_out.is_given ? Json(nullptr) : Json(report.held_out.n_text)},
      {"n_record", report.held_out.n_record}};
  add_counts(doc, report.counts);
  doc["bytes_parent"] = report.bytes_parent;
  doc["bytes_child"] = report.bytes_child;
  doc["coverage"] = report.built.coverage.mean;
  doc["never_chosen"] = never_chosen_json(report.built);
  doc["aggregate"] = report.aggregate;
  doc["passes"] = passes_json(report.built);
  if (!report.scores.empty()) {
    doc["scores"] = Json::array();
    for (const auto& score : report.scores)
      doc["scores"].push_back(
          {{"score", score.name}, {"kl_mean", score.kl_mean}, {"chosen", score.chosen}});
  }
  doc["n_expert_checked"] = report.n_expert_checked;
  doc["healing"] = report.healing ? heal_summary_json(*report.healing) : Json(nullptr);
  doc["slice_check"] = report.slice_check ? slice_check_json(*report.slice_check) : Json(nullptr);
  doc["noise"] = report.noise ? noise_json(*report.noise) : Json(nullptr);
  doc["chats"] = report.chats
                     ? Json{{"n_record", report.chats->n_record}, {"n_chat", report.chats->n_chat}}
                     : Json(nullptr);
  doc["chat_check"] = chat_check_of(report);
  doc["eval"]["domains"] = Json::array();
  for (const auto& row : report.domains) doc["eval"]["domains"].push_back(specialist_json(row));
  return doc;
}

std::string specialize_text(const SpecializeOutput& output) {
  const auto& report = output.report;
  std::string text = fmt::format(
      "\n{}: {} of {} experts kept in each layer{}\n\n  name   {}\n  size   {} → {} ({:.0f} % of "
      "the parent)\n",
      output.child.string(), report.counts.n_keep, report.counts.n_expert,
      used_words(report.counts), printable(report.name), human_bytes(report.bytes_parent),
      human_bytes(report.bytes_child),
      100.0 * static_cast<double>(report.bytes_child) / static_cast<double>(report.bytes_parent));
  text += fmt::format("  proof  {} experts equal their source byte for byte\n",
                      report.n_expert_checked);
  if (report.slice_check)
    text += fmt::format(
        "         layer by layer on the masked parent's inputs the file computes what that does: "
        "{}\n",
        slice_check_text(*report.slice_check));
  if (report.noise) text += fmt::format("  noise  {}\n", noise_text(*report.noise));
  text += healing_text(report);
  text += chat_check_text(report);
  if (!report.scores.empty())
    text += fmt::format("  score  KL on validation text: {}\n", scores_text(report));
  text += fmt::format("\nMask, by {} ({} % of the score covered):\n{}", report.aggregate,
                      fmt::format("{:.1f}", 100 * report.built.coverage.mean),
                      pass_table(report.built)) +
          never_chosen_text(report.built);
  return text +
         "\n"
         "On held-out text (95 % intervals over records; KL in nats a token, 0 is the parent):\n" +
         specialist_table(report) + chats_text(report) +
         (output.page.empty() ? std::string()
                              : fmt::format("\nreport: {}\n", output.page.string()));
}

std::string stages_text(std::span<const PlannedStage> stages, const Path& page) {
  const auto words = [](PlannedStage::State state) -> std::string_view {
    switch (state) {
      case PlannedStage::State::kToDo:
        return "to do";
      case PlannedStage::State::kGoesOn:
        return "goes on where it was stopped";
      case PlannedStage::State::kThere:
        return "there, reused if it is of this run";
      case PlannedStage::State::kReused:
        return "reused";
      case PlannedStage::State::kDone:
        break;
    }
    return "done";
  };
  const auto line = [](std::string_view name, const Path& file, std::string_view state) {
    return fmt::format("  {}: {}{}\n", name, state,
                       file.empty() ? "" : fmt::format(" ({})", file.filename().string()));
  };
  auto text = fmt::format("{} stages:\n", stages.size() + (page.empty() ? 0 : 1));
  for (const auto& stage : stages) text += line(stage.name, stage.file, words(stage.state));
  if (!page.empty()) text += line("report", page, "to do");
  return text;
}

}  // namespace coe::cli
