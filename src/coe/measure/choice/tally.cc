#include "coe/measure/choice/tally.h"

namespace coe {

ChoiceTally tally_choices(const ChoiceSet& set, std::span<const ChoiceAnswered> answers,
                          std::span<const std::size_t> questions) {
  ChoiceTally out;
  for (const auto i : questions) {
    const auto& first = answers[i].first;
    if (!first.answered()) {
      ++out.n_failed;
      continue;
    }
    ++out.n;
    out.n_right += first.right ? 1 : 0;
    out.n_right_retried += answers[i].last().right ? 1 : 0;
    out.n_retry += answers[i].retry ? 1 : 0;
    out.n_no_letter += first.found ? 0 : 1;
    out.n_loop += first.outcome == Outcome::kLoop ? 1 : 0;
    out.n_empty += first.outcome == Outcome::kEmpty ? 1 : 0;
    out.n_cut += first.outcome == Outcome::kCut ? 1 : 0;
    out.n_token += first.n_token;
    out.n_token_known = out.n_token_known && first.n_token_known;
    if (first.distinct4) {
      ++out.n_distinct4;
      out.distinct4 += *first.distinct4;
    }
    out.chance += 1.0 / static_cast<double>(set.questions[i].choice.options.size());
    if (first.found) ++out.n_rule[std::string(rule_name(first.found->rule))];
  }
  if (out.n > 0) out.chance /= static_cast<double>(out.n);
  if (out.n_distinct4 > 0) out.distinct4 /= static_cast<double>(out.n_distinct4);
  return out;
}

ChoiceComparison compare_choices(std::span<const ChoiceAnswered> model,
                                 std::span<const ChoiceAnswered> parent,
                                 std::span<const std::size_t> questions) {
  ChoiceComparison out;
  std::vector<double> right;
  std::vector<double> right_parent;
  std::vector<double> tokens;
  std::vector<double> tokens_parent;
  std::vector<double> distinct4;
  std::vector<double> distinct4_parent;
  for (const auto i : questions) {
    const auto& a = model[i].first;
    const auto& b = parent[i].first;
    if (!a.answered() || !b.answered()) continue;
    ++out.n;
    out.n_right += a.right ? 1 : 0;
    out.n_right_parent += b.right ? 1 : 0;
    out.n_only_model += a.right && !b.right ? 1 : 0;
    out.n_only_parent += b.right && !a.right ? 1 : 0;
    right.push_back(a.right ? 1.0 : 0.0);
    right_parent.push_back(b.right ? 1.0 : 0.0);
    tokens.push_back(static_cast<double>(a.n_token));
    tokens_parent.push_back(static_cast<double>(b.n_token));
    if (!a.distinct4 || !b.distinct4) continue;
    distinct4.push_back(*a.distinct4);
    distinct4_parent.push_back(*b.distinct4);
  }
  out.test = mcnemar(out.n_only_model, out.n_only_parent);
  out.accuracy_ratio = ratio_interval(right, right_parent);
  out.token_ratio = ratio_interval(tokens, tokens_parent);
  out.n_distinct4 = distinct4.size();
  out.distinct4_ratio = ratio_interval(distinct4, distinct4_parent);
  return out;
}

}  // namespace coe
