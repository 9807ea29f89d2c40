// Renders the result of `coe bench choice`.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/cli/render/result_rows.h"
#include "coe/measure/choice/tally.h"

#include <optional>
#include <string>
#include <vector>

namespace coe::cli {

struct ChoiceGroup {
  std::string domain;  // a category; empty: all of several
  ChoiceTally tally;
  std::optional<ChoiceComparison> comparison;  // with a parent
};

struct ChoiceReport {
  std::string subject;              // the model
  std::vector<ChoiceGroup> groups;  // the total last
  const ChoiceGroup& total() const { return groups.back(); }
};

// By category, and all of them where there are several. `parent` may be null.
ChoiceReport choice_report(const ChoiceSet& set, std::span<const ChoiceAnswered> answers,
                           const std::vector<ChoiceAnswered>* parent, std::string subject);

std::string choice_text(const ChoiceReport& report);
void add_choice_rows(const ChoiceReport& report, ResultRows& rows);
// JSON lines, one question each: number, where, domain, answer, outcome, letter, rule, right,
// n_token, and the retry's in `retry`.
std::string choice_lines(const ChoiceSet& set, std::span<const ChoiceAnswered> answers);

}  // namespace coe::cli
