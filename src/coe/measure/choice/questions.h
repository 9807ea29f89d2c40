// Multiple-choice questions come from files: from sets as they are published, and from problems
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
  // Records that hold a problem and its solution become questions with so many options (2 to 26),
  // see make_choice. 0 switches that off.
  std::uint32_t n_made_option = 0;
  std::uint64_t seed = 1;                 // of made options and their order
  std::vector<std::string> categories{};  // empty: all
  // Of each category those questions are taken whose number mod 10 is this; numbers count from 0 in
  // the order of files and lines. Source: docs/method.md, section 1, "Benchmark splits".
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

// Reads JSON Lines, one JSON array of objects, or GPQA's table (question_table.h), each file in one
// form (QuestionForm), its answers by one reading (settle_answers). Errors: kNotFound,
// kInvalidArgument (no file, a category that no question has, nothing left), kCorrupt naming file
// and line: also a record of another form than the first, or an answer that may mean two options.
Result<ChoiceSet> load_choices(std::span<const Path> files, const ChoiceSetOptions& options);

// A file of one record. {"question", "options", "answer"} and what else such sets call them:
// `problem`, `question_stem`, or `stem` in `question`; `choices`, also as {"text": […], "label":
// […]} or [{"text", "label"}, …]; `answerKey`. The category is `category`, `subject` or `domain`,
// else empty. Errors: kCorrupt.
Result<MultipleChoice> parse_choice(std::string_view json);

// A problem whose text ends in lettered options ("A. …" or "(A) …" lines from A on) and whose
// solution is a letter is taken as it stands. Any other needs a number in the solution's last line.
// The last one is the answer; other numbers of problem and working, and numbers near it, are the
// wrong options. The same seed gives the same question. The result is empty when neither form fits.
std::optional<MultipleChoice> make_choice(std::string_view problem, std::string_view solution,
                                          std::string_view working, std::uint32_t n_option,
                                          std::uint64_t seed);

}  // namespace coe
