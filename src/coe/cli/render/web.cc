#include "coe/cli/render/web.h"

#include "coe/base/printable.h"
#include "coe/base/stats/interval_text.h"
#include "coe/base/stats/paired.h"
#include "coe/cli/render/table.h"
#include "coe/measure/webgen/gallery.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coe::cli {

namespace {

std::string table_text(const WebSuite& suite, std::span<const WebOutcome> outcomes) {
  std::vector<std::vector<std::string>> table = {{"category", "passed", "share [95 %]"}};
  const auto add = [&](std::string_view title, const WebCount& count) {
    table.push_back({std::string(title), fmt::format("{}/{}", count.n_passed, count.n),
                     interval_text(wilson_interval(count.n_passed, count.n), percent(0), "%")});
  };
  for (const auto category : kWebCategories)
    if (const auto count = count_web(suite, outcomes, category); count.n > 0)
      add(category_title(category), count);
  add("all", count_web(suite, outcomes, ""));
  return format_table(table);
}

// Pages choose the words of their errors, and how many.
std::string reason_text(const WebOutcome& outcome) {
  constexpr std::size_t kReasonBytes = 200;
  return printable(outcome.fault->reason, kReasonBytes);
}

Json fault_json(const WebOutcome& outcome) {
  if (outcome.passed()) return nullptr;
  return {{"kind", fault_name(outcome.fault->kind)},
          {"reason", outcome.fault->reason},
          {"step", outcome.fault->step}};
}

std::string failures_text(const WebSuite& suite, std::span<const WebOutcome> outcomes) {
  std::string out;
  for (const auto& outcome : outcomes) {
    if (outcome.passed()) continue;
    const auto step = outcome.fault->step > 0 ? fmt::format(" (step {})", outcome.fault->step) : "";
    out += fmt::format("  {} {}: {}: {}{}\n", suite.tasks[outcome.task].id, outcome.name,
                       fault_name(outcome.fault->kind), reason_text(outcome), step);
  }
  return out.empty() ? out : "\nWhat failed:\n" + out;
}

// A line on an attempt that is not as it should be.
std::string wrong_text(const WebTask& task, const WebOutcome& outcome, const std::string& name,
                       const WebMutant* mutant) {
  return fmt::format(
      "  {} {}: {}{}\n", task.id, name,
      outcome.passed() ? "passes"
                       : fmt::format("{}: {} (step {})", fault_name(outcome.fault->kind),
                                     reason_text(outcome), outcome.fault->step),
      mutant == nullptr
          ? ""
          : fmt::format("; expected {}: {}", fault_name(mutant->kind), mutant->about));
}

std::ptrdiff_t count_steps(const WebTask& task, bool (*is_one)(StepKind)) {
  return std::ranges::count_if(task.steps, is_one, &WebStep::kind);
}

}  // namespace

void add_web_rows(const WebSuite& suite, const std::string& subject,
                  std::span<const WebOutcome> outcomes, ResultRows& rows) {
  const auto add_share = [&](std::string_view category) {
    const auto count = count_web(suite, outcomes, category);
    if (count.n == 0) return;
    const auto share = wilson_interval(count.n_passed, count.n);
    rows.add({{"metric", "passed"},
              {"subject", subject},
              {"domain", category.empty() ? Json(nullptr) : Json(category)},
              {"n", count.n},
              {"n_passed", count.n_passed},
              {"value", share.value},
              {"ci_low", share.lower},
              {"ci_high", share.upper}});
  };
  for (const auto category : kWebCategories) add_share(category);
  add_share("");
  for (const auto& outcome : outcomes)
    rows.add({{"metric", "task_passed"},
              {"subject", subject},
              {"domain", suite.tasks[outcome.task].category},
              {"task", suite.tasks[outcome.task].id},
              {"answer", outcome.name},
              {"fault", fault_json(outcome)},
              {"seconds", outcome.seconds},
              {"n", 1},
              {"value", outcome.passed() ? 1 : 0}});
}

std::string web_text(const WebSuite& suite, std::span<const WebOutcome> outcomes) {
  return table_text(suite, outcomes) + failures_text(suite, outcomes);
}

Json web_list_json(const WebSuite& suite) {
  auto doc = document("bench-web-list");
  doc["suite_digest"] = suite.digest;
  doc["tasks"] = Json::array();
  for (const auto& task : suite.tasks) {
    Json actions = Json::object();
    for (const auto& step : task.steps) {
      if (!is_action(step.kind)) continue;
      auto& n = actions[std::string(step_name(step.kind))];
      n = n.is_null() ? 1 : n.get<int>() + 1;
    }
    doc["tasks"].push_back({{"task", task.id},
                            {"title", task.title},
                            {"category", task.category},
                            {"format", format_name(task.format)},
                            {"n_action", count_steps(task, is_action)},
                            {"actions", std::move(actions)},
                            {"n_check", count_steps(task, is_check)},
                            {"n_mutant", task.mutants.size()},
                            {"prompt", task.prompt}});
  }
  return doc;
}

std::string web_list_text(const WebSuite& suite) {
  std::vector<std::vector<std::string>> rows = {{"task", "actions", "asks for"}};
  for (const auto& task : suite.tasks)
    rows.push_back(
        {task.id, fmt::format("{}", count_steps(task, is_action)), std::string(task.title)});
  return format_table(rows, WordColumns{{2}});
}

std::uint64_t peak_memory(std::span<const WebOutcome> outcomes) {
  std::uint64_t peak = 0;
  for (const auto& outcome : outcomes) peak = std::max(peak, outcome.peak_memory);
  return peak;
}

SuiteCheckOutput suite_check_output(const WebSuite& suite, const SuiteAttempts& tried,
                                    std::span<const WebOutcome> outcomes) {
  SuiteCheckOutput out;
  std::vector<std::vector<std::string>> table = {{"task", "references", "mutants"}};
  std::string wrong;
  for (std::size_t t = 0; t < suite.tasks.size(); ++t) {
    const auto& task = suite.tasks[t];
    WebCount references;
    WebCount caught;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (tried.attempts[i].task != t) continue;
      const auto& name = tried.attempts[i].name;
      const auto* mutant = tried.mutants[i];
      const bool right = is_as_expected(outcomes[i], mutant);
      auto& count = mutant == nullptr ? references : caught;
      ++count.n;
      if (right) ++count.n_passed;
      out.attempts.push_back({{"task", task.id},
                              {"name", name},
                              {"mutant", mutant != nullptr},
                              {"as_expected", right},
                              {"fault", fault_json(outcomes[i])},
                              {"seconds", outcomes[i].seconds}});
      if (right) continue;
      ++out.n_wrong;
      wrong += wrong_text(task, outcomes[i], name, mutant);
    }
    table.push_back({task.id, fmt::format("{}/{}", references.n_passed, references.n),
                     fmt::format("{}/{}", caught.n_passed, caught.n)});
  }
  out.text = format_table(table);
  out.text += out.n_wrong == 0 ? fmt::format("All {} as they should be\n", outcomes.size())
                               : fmt::format("{} of {} not as they should be:\n{}", out.n_wrong,
                                             outcomes.size(), wrong);
  return out;
}

}  // namespace coe::cli
