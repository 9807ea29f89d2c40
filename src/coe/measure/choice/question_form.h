// The forms in which sets of multiple-choice questions are published, and what an answer means in a
// file of them.
#pragma once

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

// A file has one of these.
enum class QuestionForm : std::uint8_t {
  kPlain,      // `question`, `options`, `answer`, by these and other names
  kMmluPro,    // see parse_mmlu_pro
  kHellaSwag,  // `ctx`, `endings`, `label`
  kGpqa,       // "Question", "Correct Answer", "Incorrect Answer 1" to 3
};
std::string_view form_name(QuestionForm form);

// A record as it stands in its file.
struct RawQuestion {
  MultipleChoice choice;                 // its `answer` counts once it is settled
  bool settled = false;                  // the form says which option is right
  std::vector<std::string> labels{};     // of the options; empty: they have none
  std::optional<std::int64_t> number{};  // the answer as it is given is this…
  std::string text{};                    // … or this
};

// Errors, of both: kCorrupt: no JSON object, or a field that is missing or of another type.
Result<QuestionForm> form_of(std::string_view json);
// GPQA's options are put in an order by `seed`.
Result<RawQuestion> parse_question(std::string_view json, QuestionForm form, std::uint64_t seed);

// Where in the list a question is that cannot be settled, and why.
struct Unsettled {
  std::size_t index = 0;
  Error error;
};
// Says which option is right in all of them, by one reading of the answers that fits them all: as
// labels, else as the options' texts, letters or indices from 0. Two that fit and differ are an
// error (kCorrupt), as is none.
std::optional<Unsettled> settle_answers(std::span<RawQuestion> questions);

}  // namespace coe
