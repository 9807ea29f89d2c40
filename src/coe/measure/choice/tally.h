// This adds up the answers to multiple-choice questions. Every share stands with n and an interval,
// every comparison with its paired test. Source: docs/method.md, section 7.
#pragma once

#include "coe/base/stats/bootstrap.h"
#include "coe/base/stats/paired.h"
#include "coe/measure/choice/choice_run.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace coe {

struct ChoiceTally {
  std::uint64_t n = 0;                // questions that got an answer
  std::uint64_t n_failed = 0;         // and those that got none: a server's fault, not the model's
  std::uint64_t n_right = 0;          // at the first attempt
  std::uint64_t n_right_retried = 0;  // with loops and empty answers replaced by their retries
  std::uint64_t n_retry = 0;
  std::uint64_t n_no_letter = 0;  // of n: none of the rules found an option
  std::uint64_t n_loop = 0;
  std::uint64_t n_empty = 0;
  std::uint64_t n_cut = 0;
  std::uint64_t n_token = 0;      // of first attempts
  bool n_token_known = true;      // false: some were counted as streamed pieces
  std::uint64_t n_distinct4 = 0;  // first attempts of four words or more
  double distinct4 = 0.0;         // mean over these
  double chance = 0.0;            // share that guessing would get right: mean of 1 / options
  std::map<std::string, std::uint64_t> n_rule;  // by rule_name
};

// Counts the questions listed, which are indices into `set` and `answers`.
ChoiceTally tally_choices(const ChoiceSet& set, std::span<const ChoiceAnswered> answers,
                          std::span<const std::size_t> questions);

// This holds one model's first attempts against another's, on the questions that both answered.
struct ChoiceComparison {
  std::uint64_t n = 0;
  std::uint64_t n_only_model = 0;   // right here, wrong with the parent
  std::uint64_t n_only_parent = 0;  // the other way round
  std::uint64_t n_right = 0;
  std::uint64_t n_right_parent = 0;
  PairedTest test;
  Interval accuracy_ratio;        // Y of docs/method.md, section 6; bootstrap over questions
  Interval token_ratio;           // tokens generated, over the parent's
  std::uint64_t n_distinct4 = 0;  // of n: both answers have four words or more
  Interval distinct4_ratio;       // mean distinct-4 of these over the parent's
};
ChoiceComparison compare_choices(std::span<const ChoiceAnswered> model,
                                 std::span<const ChoiceAnswered> parent,
                                 std::span<const std::size_t> questions);

}  // namespace coe
