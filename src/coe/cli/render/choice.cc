#include "coe/cli/render/choice.h"

#include "coe/base/json.h"
#include "coe/base/stats/interval_text.h"
#include "coe/base/stats/paired.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

#include <map>
#include <numeric>
#include <utility>

namespace coe::cli {

namespace {

void put(const ChoiceReport& report, const ChoiceGroup& group, const char* metric, std::uint64_t n,
         const Interval& interval, ResultRows& rows) {
  const bool defined = n > 0;
  rows.add({{"metric", metric},
            {"subject", report.subject},
            {"domain", group.domain.empty() ? Json(nullptr) : Json(group.domain)},
            {"n", n},
            {"value", defined ? Json(interval.value) : Json(nullptr)},
            {"ci_low", defined ? Json(interval.lower) : Json(nullptr)},
            {"ci_high", defined ? Json(interval.upper) : Json(nullptr)}});
}

void put_share(const ChoiceReport& report, const ChoiceGroup& group, const char* metric,
               std::uint64_t count, ResultRows& rows) {
  put(report, group, metric, group.tally.n, wilson_interval(count, group.tally.n), rows);
}

void put_value(const ChoiceReport& report, const ChoiceGroup& group, const char* metric,
               std::uint64_t n, double value, ResultRows& rows) {
  rows.add({{"metric", metric},
            {"subject", report.subject},
            {"domain", group.domain.empty() ? Json(nullptr) : Json(group.domain)},
            {"n", n},
            {"value", n > 0 ? Json(value) : Json(nullptr)}});
}

double tokens_mean(const ChoiceTally& tally) {
  return tally.n == 0 ? 0.0 : static_cast<double>(tally.n_token) / static_cast<double>(tally.n);
}

std::string share_text(std::uint64_t count, std::uint64_t n) {
  if (n == 0) return "-";
  return interval_text(wilson_interval(count, n), percent());
}

Json option_json(const ChosenOption& chosen) {
  Json json = {{"outcome", outcome_name(chosen.outcome)}};
  if (!chosen.answered()) return json;
  json["letter"] = chosen.found ? Json(std::string(1, chosen.found->letter)) : Json(nullptr);
  json["rule"] = chosen.found ? Json(rule_name(chosen.found->rule)) : Json(nullptr);
  json["right"] = chosen.right;
  json["n_token"] = chosen.n_token;
  json["distinct4"] = chosen.distinct4 ? Json(*chosen.distinct4) : Json(nullptr);
  return json;
}

}  // namespace

ChoiceReport choice_report(const ChoiceSet& set, std::span<const ChoiceAnswered> answers,
                           const std::vector<ChoiceAnswered>* parent, std::string subject) {
  std::map<std::string, std::vector<std::size_t>> by_category;
  for (std::size_t i = 0; i < set.questions.size(); ++i)
    by_category[set.questions[i].choice.category].push_back(i);
  ChoiceReport report{std::move(subject), {}};
  const auto add = [&](const std::string& domain, std::span<const std::size_t> questions) {
    ChoiceGroup group{domain, tally_choices(set, answers, questions), {}};
    if (parent != nullptr) group.comparison = compare_choices(answers, *parent, questions);
    report.groups.push_back(std::move(group));
  };
  for (const auto& [category, questions] : by_category) add(category, questions);
  if (by_category.size() > 1) {
    std::vector<std::size_t> all(set.questions.size());
    std::iota(all.begin(), all.end(), 0);
    add("", all);
  }
  return report;
}

std::string choice_text(const ChoiceReport& report) {
  std::vector<std::vector<std::string>> table = {{"domain", "n", "right % [95 %]", "with retries",
                                                  "chance", "no letter", "loop", "empty", "cut",
                                                  "failed", "tokens", "distinct-4"}};
  std::vector<std::vector<std::string>> pairs = {{"against the parent", "n", "right %", "parent's",
                                                  "only here", "only parent", "p", "Y [95 %]",
                                                  "tokens x [95 %]", "distinct-4 x [95 %]"}};
  for (const auto& group : report.groups) {
    const auto& tally = group.tally;
    const auto name = group.domain.empty() ? std::string("all") : group.domain;
    table.push_back({name, fmt::format("{}", tally.n), share_text(tally.n_right, tally.n),
                     share_text(tally.n_right_retried, tally.n), percent()(tally.chance),
                     fmt::format("{}", tally.n_no_letter), fmt::format("{}", tally.n_loop),
                     fmt::format("{}", tally.n_empty), fmt::format("{}", tally.n_cut),
                     fmt::format("{}", tally.n_failed), fmt::format("{:.0f}", tokens_mean(tally)),
                     tally.n_distinct4 > 0 ? fixed(3)(tally.distinct4) : std::string("-")});
    if (!group.comparison) continue;
    const auto& pair = *group.comparison;
    const auto of = [&](std::uint64_t count) {
      return pair.n == 0 ? std::string("-")
                         : percent()(static_cast<double>(count) / static_cast<double>(pair.n));
    };
    pairs.push_back(
        {name, fmt::format("{}", pair.n), of(pair.n_right), of(pair.n_right_parent),
         fmt::format("{}", pair.n_only_model), fmt::format("{}", pair.n_only_parent),
         fmt::format("{:.3f}", pair.test.p_mid),
         pair.n_right_parent > 0 ? interval_text(pair.accuracy_ratio, fixed(2)) : std::string("-"),
         interval_text(pair.token_ratio, fixed(2)),
         pair.n_distinct4 > 0 ? interval_text(pair.distinct4_ratio, fixed(2)) : std::string("-")});
  }
  auto text = format_table(table);
  if (pairs.size() > 1)
    text += format_table(pairs) +
            "  p: McNemar's mid-p; Y: right answers over the parent's, bootstrap over questions\n";
  return text;
}

void add_choice_rows(const ChoiceReport& report, ResultRows& rows) {
  for (const auto& group : report.groups) {
    const auto& tally = group.tally;
    put_share(report, group, "accuracy", tally.n_right, rows);
    put_share(report, group, "accuracy_retried", tally.n_right_retried, rows);
    put_share(report, group, "no_letter_rate", tally.n_no_letter, rows);
    put_share(report, group, "loop_rate", tally.n_loop, rows);
    put_share(report, group, "empty_rate", tally.n_empty, rows);
    put_share(report, group, "cut_rate", tally.n_cut, rows);
    put_value(report, group, "chance", tally.n, tally.chance, rows);
    put_value(report, group, "tokens_mean", tally.n, tokens_mean(tally), rows);
    put_value(report, group, "distinct4", tally.n_distinct4, tally.distinct4, rows);
    if (!group.comparison) continue;
    const auto& pair = *group.comparison;
    const auto n_defined = pair.n_right_parent > 0 ? pair.n : 0;
    put(report, group, "accuracy_ratio", n_defined, pair.accuracy_ratio, rows);
    put(report, group, "token_ratio", pair.n, pair.token_ratio, rows);
    put(report, group, "distinct4_ratio", pair.n_distinct4, pair.distinct4_ratio, rows);
    put_value(report, group, "mcnemar_p_exact", pair.n, pair.test.p_exact, rows);
    put_value(report, group, "mcnemar_p_mid", pair.n, pair.test.p_mid, rows);
    put_value(report, group, "n_only_model", pair.n, static_cast<double>(pair.n_only_model), rows);
    put_value(report, group, "n_only_parent", pair.n, static_cast<double>(pair.n_only_parent),
              rows);
  }
}

std::string choice_lines(const ChoiceSet& set, std::span<const ChoiceAnswered> answers) {
  std::string out;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto& question = set.questions[i];
    Json line = {{"question", i},
                 {"where", question.where},
                 {"domain", question.choice.category},
                 {"answer", std::string(1, option_letter(question.choice.answer))},
                 {"n_option", question.choice.options.size()}};
    line.update(option_json(answers[i].first));
    if (answers[i].retry) line["retry"] = option_json(*answers[i].retry);
    out += json_line(line);
  }
  return out;
}

}  // namespace coe::cli
