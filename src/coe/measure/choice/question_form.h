// The forms in which sets of multiple-choice questions are published, and what an answer means in a
// file of them.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/mmlu_pro.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
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
  kGpqa,       // kGpqaColumns
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
// `seed`: see gpqa_question.
Result<RawQuestion> parse_question(std::string_view json, QuestionForm form, std::uint64_t seed);

// The columns of GPQA that a question needs: what is asked, the right answer, and three wrong ones.
// Source: Rein et al., "GPQA: A Graduate-Level Google-Proof Q&A Benchmark", COLM 2024, and its
// data card.
inline constexpr std::array<std::string_view, 5> kGpqaColumns = {
    "Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"};

using TextFields = std::map<std::string, std::string, std::less<>>;
// The right answer is published first, so that the options are put in another order, which hangs on
// `seed` and on the question's text alone: on neither the file nor the record's place in it. The
// category is "High-level domain", else "Subdomain". Errors: kCorrupt: a field that is missing or
// blank, or a wrong option that equals the right one.
Result<RawQuestion> gpqa_question(const TextFields& fields, std::uint64_t seed);

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
