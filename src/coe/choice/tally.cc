#include "coe/choice/tally.h"

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
    out.chance += 1.0 / static_cast<double>(set.questions[i].choice.options.size());
    if (first.found) ++out.n_rule[std::string(rule_name(first.found->rule))];
  }
  if (out.n > 0) out.chance /= static_cast<double>(out.n);
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
  }
  out.test = mcnemar(out.n_only_model, out.n_only_parent);
  out.accuracy_ratio = ratio_interval(right, right_parent);
  out.token_ratio = ratio_interval(tokens, tokens_parent);
  return out;
}

}  // namespace coe
