// This finds the option letter in an answer to a multiple-choice question.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace coe {

// A rule says where a letter was found. The rules are tried in this order, and the first that finds
// the letter of an option wins. Within a rule the last place in the text wins, since models correct
// themselves. A letter beyond the options is no answer, and nothing is ever guessed.
enum class LetterRule : std::uint8_t {
  kBoxed,        // \boxed{C}, also \boxed{\text{C}}, \boxed{(C)}, \boxed{C. text}
  kAnswerIs,     // "answer is (C)", "answer is option C"
  kAnswerColon,  // "Answer: C", "**Answer:** C"
  kBold,         // **C**, **(C)**
  kLoneLine,     // a line that is nothing but the letter: "C", "(C)", "C."
  kLastLetter,   // the text's last word is the letter, as a capital or in brackets: "... hence C."
};

// "boxed", "answer_is", "answer_colon", "bold", "lone_line", "last_letter": for result rows.
std::string_view rule_name(LetterRule rule);

struct FoundLetter {
  char letter = 'A';  // capital, 'A' to 'A' + n_option - 1
  LetterRule rule = LetterRule::kBoxed;
};

// `text` is the answer outside its thinking, to a question of `n_option` options (1 to 26).
// Full-width letters and brackets count as their ASCII forms. A bare "A" or "I" that begins a
// phrase ("answer is a matter of ...", "Answer: I think") is a word, not an option. The result is
// empty when no rule found a letter.
std::optional<FoundLetter> extract_letter(std::string_view text, std::size_t n_option);

}  // namespace coe
