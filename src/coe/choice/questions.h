// Multiple-choice questions from files: sets as they are published, and questions made of problems
// that have a solution.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/mmlu_pro.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct ChoiceSetOptions {
  // 0: off. Else records that hold a problem and its solution become questions with so many options
  // (2 to 26), see make_choice.
  std::uint32_t n_made_option = 0;
  std::uint64_t seed = 1;                 // of made options and their order
  std::vector<std::string> categories{};  // empty: all
  // Of each category, whose questions are numbered from 0 in the order of files and lines, those
  // with number mod 10 = off. Source: docs/method.md, section 1, "Benchmark splits".
  std::optional<std::uint32_t> off{};
  std::size_t max_questions = 0;  // the first so many of what is left; 0: all
};

struct ChoiceQuestion {
  MultipleChoice choice;
  std::string where;  // "test.jsonl:12"
};

struct ChoiceSet {
  std::vector<ChoiceQuestion> questions;
  std::uint64_t n_unusable = 0;  // records of which make_choice makes nothing
};

// JSON Lines or one JSON array of objects. A record is a question of MMLU-Pro as published
// (parse_mmlu_pro) where it has `answer_index`, else parse_choice reads it. Errors: kNotFound,
// kInvalidArgument (no file, a category that no question has, nothing left), kCorrupt naming file
// and line.
Result<ChoiceSet> load_choices(std::span<const Path> files, const ChoiceSetOptions& options);

// {"question", "options", "answer"} and what else such sets call them: `problem`; `choices`, also
// as
// {"text": […], "label": […]}; `answerKey`. The answer is the option's letter, its index from 0,
// its label, or its text. Category: `category`, `subject` or `domain`, else empty. Errors:
// kCorrupt.
Result<MultipleChoice> parse_choice(std::string_view json);

// A problem whose text ends in lettered options ("A. …" or "(A) …" lines from A on) and whose
// solution is a letter, as it stands. Any other needs a number in the solution's last line: the
// last one is the answer, beside other numbers of problem and working, and of numbers near it. Same
// seed, same question. Empty: neither.
std::optional<MultipleChoice> make_choice(std::string_view problem, std::string_view solution,
                                          std::string_view working, std::uint32_t n_option,
                                          std::uint64_t seed);

}  // namespace coe
