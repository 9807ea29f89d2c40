// This finds the option letter in an answer to a multiple-choice question.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace coe {

// A rule says where a letter was found. The rules are tried in this order, and the first that finds
// the letter of an option wins. Within a rule the last place in the text wins, since models correct
// themselves. A letter beyond the options is no answer, and nothing is ever guessed.
enum class LetterRule : std::uint8_t {
  // \boxed{C}, also \boxed{\text{C}}, \boxed{(C)}, \boxed{C. text}; <answer>C</answer> and <boxed>
  kBoxed,
  kAnswerIs,     // "answer is (C)", "correct option is C", "Option C is correct"
  kAnswerColon,  // "Answer: C", "**Answer:** C"
  kBold,         // **C**, **(C)**, **C. the option's text**
  kLoneLine,     // a line that is nothing but the letter: "C", "(C)", or "C. the option's text"
  kLastLetter,   // the text's last word is the letter, behind a word such as "hence" or in brackets
};

// "boxed", "answer_is", "answer_colon", "bold", "lone_line", "last_letter": for result rows.
std::string_view rule_name(LetterRule rule);

struct FoundLetter {
  char letter = 'A';  // capital, 'A' to 'A' + n_option - 1
  LetterRule rule = LetterRule::kBoxed;
};

// `text` is the answer outside its thinking, to a question with these options (1 to 26; their texts
// may be empty). In place of the letter may stand the option's whole text. Where a line or bold
// text goes on behind the letter, it does so with that option's text; of a list of options (A …, B
// …) none is the answer. Full-width letters and brackets count as their ASCII forms. A bare "A" or
// "I" that begins a phrase ("answer is a matter of ...", "Answer: I think"), and a letter that ends
// a name ("vitamin A"), is no option. The result is empty when no rule found a letter.
std::optional<FoundLetter> extract_letter(std::string_view text,
                                          std::span<const std::string> options);

}  // namespace coe
