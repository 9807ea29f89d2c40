#include "coe/measure/choice/letter.h"

#include "coe/base/lines.h"

#include <algorithm>
#include <array>
#include <string>

namespace coe {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alpha(char c) { return is_lower(c) || is_upper(c); }
bool is_word(char c) {  // bytes of UTF-8 beyond ASCII are parts of words
  return is_alpha(c) || (c >= '0' && c <= '9') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
char upper(char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; }

// Makes U+FF01..U+FF5E ASCII, and U+00A0 a space.
std::string narrowed(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = [&](std::size_t at) {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
    };
    const unsigned second = byte(i + 1);
    const unsigned third = byte(i + 2);
    const unsigned wide = ((second & 0x3fU) << 6U) | (third & 0x3fU);  // low 12 bits of U+Fxxx
    if (byte(i) == 0xef && (second == 0xbc || second == 0xbd) && wide >= 0xf01 && wide <= 0xf5e) {
      out += static_cast<char>(wide - 0xf01 + 0x21);
      i += 2;
    } else if (byte(i) == 0xc2 && second == 0xa0) {
      out += ' ';
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

constexpr std::string_view kBetween = " \t\r\n:";  // "answer is: C"

// Leading marks around a letter: white space, emphasis, quotes, brackets, LaTeX commands.
// `wrapped` says whether there was one that only an answer has, i.e. more than white space or a
// colon.
std::string_view without_marks(std::string_view text, bool& wrapped) {
  static constexpr std::array<std::string_view, 9> kMarks = {
      "\\textbf", "\\text", "\\mathbf", "\\mathrm", "\\boxed", "\\(", "\\[", "\\,", "\\ "};
  while (!text.empty()) {
    const auto* const mark = std::ranges::find_if(
        kMarks, [&](std::string_view candidate) { return text.starts_with(candidate); });
    if (mark != kMarks.end()) {
      text.remove_prefix(mark->size());
      wrapped = true;
    } else if (std::string_view("*_`\"'$([{").find(text.front()) != std::string_view::npos) {
      text.remove_prefix(1);
      wrapped = true;
    } else if (kBetween.find(text.front()) != std::string_view::npos) {
      text.remove_prefix(1);
    } else {
      break;
    }
  }
  return text;
}

// Says whether a bare "A" or "I" followed by `rest` begins a phrase.
bool begins_phrase(std::string_view rest) {
  if (rest.starts_with("'")) return true;  // I'm
  if (!rest.starts_with(' ') || rest.size() < 2 || !is_word(rest[1])) return false;
  return std::ranges::none_of(std::array<std::string_view, 3>{" because", " since", " as "},
                              [&](std::string_view word) { return rest.starts_with(word); });
}

// The option letter that `text` begins with, after marks; 0: none.
char leading_letter(std::string_view text, std::size_t n_option) {
  bool wrapped = false;
  text = without_marks(text, wrapped);
  if (text.empty() || !is_alpha(text.front())) return 0;
  const char letter = upper(text.front());
  if (static_cast<std::size_t>(letter - 'A') >= n_option) return 0;
  const std::string_view rest = text.substr(1);
  if (!rest.empty() && is_word(rest.front())) return 0;
  const bool article = letter == 'A' || letter == 'I';
  if (!wrapped && (article || is_lower(text.front())) && begins_phrase(rest)) return 0;
  return letter;
}

// Says whether nothing but closing marks and punctuation is left.
bool only_marks(std::string_view text) {
  return text.find_first_not_of(" \t\r\n*_`\"'$)]}.,:;!\\") == std::string_view::npos;
}

// The letter alone within marks, e.g. "(C)."; 0: anything else.
char sole_letter(std::string_view text, std::size_t n_option) {
  const char letter = leading_letter(text, n_option);
  bool wrapped = false;
  if (letter == 0 || !only_marks(without_marks(text, wrapped).substr(1))) return 0;
  return letter;
}

// Last place where `phrase` (small letters) stands in `folded` and `read` of what follows is a
// letter.
template <typename Read>
char last_after(const std::string& text, const std::string& folded, std::string_view phrase,
                Read read) {
  for (auto at = folded.rfind(phrase); at != std::string::npos;
       at = at == 0 ? std::string::npos : folded.rfind(phrase, at - 1)) {
    if (at > 0 && is_word(folded[at - 1]) && is_word(phrase.front())) continue;
    const char letter = read(std::string_view(text).substr(at + phrase.size()));
    if (letter != 0) return letter;
  }
  return 0;
}

char last_bold(std::string_view text, std::size_t n_option) {
  char found = 0;
  for (auto open = text.find("**"); open != std::string_view::npos;) {
    const auto close = text.find("**", open + 2);
    if (close == std::string_view::npos) break;
    const char letter = sole_letter(text.substr(open + 2, close - open - 2), n_option);
    if (letter != 0) found = letter;
    open = letter != 0 ? text.find("**", close + 2) : close;
  }
  return found;
}

char last_lone_line(std::string_view text, std::size_t n_option) {
  char found = 0;
  LineReader lines(text);
  while (const auto line = lines.next())
    if (const char letter = sole_letter(line->text, n_option); letter != 0) found = letter;
  return found;
}

char last_word_letter(std::string_view text, std::size_t n_option) {
  while (!text.empty() && only_marks(text.substr(text.size() - 1))) text.remove_suffix(1);
  if (text.empty() || !is_upper(text.back())) return 0;
  if (text.size() > 1 && (is_word(text[text.size() - 2]) || text[text.size() - 2] == '\''))
    return 0;
  return leading_letter(text.substr(text.size() - 1), n_option);
}

}  // namespace

std::string_view rule_name(LetterRule rule) {
  static constexpr std::array<std::string_view, 6> kNames = {"boxed", "answer_is", "answer_colon",
                                                             "bold",  "lone_line", "last_letter"};
  return kNames.at(static_cast<std::size_t>(rule));
}

std::optional<FoundLetter> extract_letter(std::string_view text, std::size_t n_option) {
  const std::string flat = narrowed(text);
  std::string folded = flat;
  std::ranges::transform(folded, folded.begin(),
                         [](char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto letter = [&](std::string_view rest) { return leading_letter(rest, n_option); };
  const auto after = [&](std::string_view phrase) {
    return last_after(flat, folded, phrase, letter);
  };
  const auto optioned = [&](std::string_view phrase) {  // "answer is option C"
    const char with = after(std::string(phrase) + " option");
    return with != 0 ? with : after(phrase);
  };
  if (const char c = after("\\boxed{"); c != 0) return FoundLetter{c, LetterRule::kBoxed};
  if (const char c = optioned("answer is"); c != 0) return FoundLetter{c, LetterRule::kAnswerIs};
  for (const auto* phrase : {"answer:", "answer**:"}) {
    if (const char c = optioned(phrase); c != 0) return FoundLetter{c, LetterRule::kAnswerColon};
  }
  if (const char c = last_bold(flat, n_option); c != 0) return FoundLetter{c, LetterRule::kBold};
  if (const char c = last_lone_line(flat, n_option); c != 0)
    return FoundLetter{c, LetterRule::kLoneLine};
  if (const char c = last_word_letter(flat, n_option); c != 0)
    return FoundLetter{c, LetterRule::kLastLetter};
  return std::nullopt;
}

}  // namespace coe
