#include "coe/measure/choice/letter.h"

#include "coe/base/lines.h"
#include "coe/base/text.h"
#include "coe/measure/choice/option_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alpha(char c) { return is_lower(c) || is_upper(c); }
bool is_word(char c) {  // bytes of UTF-8 beyond ASCII are parts of words
  return is_alpha(c) || (c >= '0' && c <= '9') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
char upper(char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; }

// Makes U+FF01..U+FF5E ASCII, as well as U+3001 and U+3002, and U+00A0 a space.
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
    } else if (byte(i) == 0xe3 && second == 0x80 && (third == 0x81 || third == 0x82)) {
      out += third == 0x81 ? ',' : '.';
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
  // "C++", "B-cells", "X/Y" are names.
  if (rest.starts_with("++") || rest.starts_with('#')) return 0;
  if (rest.size() > 1 && (rest[0] == '-' || rest[0] == '/') && is_word(rest[1])) return 0;
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

// The text behind the letter that `line` begins with, where "." or ")" or ":" parts them.
std::string_view text_behind_letter(std::string_view line) {
  bool wrapped = false;
  auto rest = without_marks(line, wrapped).substr(1);
  const auto parting = rest.find_first_not_of("*_`\"' ");
  if (parting == std::string_view::npos) return {};
  rest.remove_prefix(parting);
  return rest.find_first_of(".):") == 0 ? rest.substr(1) : std::string_view();
}

// A letter, and where in the text it was found.
struct Mention {
  std::size_t at = 0;
  char letter = 0;
  bool bare = false;  // nothing but the letter
};

// The words before a letter that is an answer: "hence C". `commas`: those that a comma ends, too.
bool introduces(std::string_view before, bool commas) {
  const bool bracketed = before.ends_with('(') || before.ends_with('[') || before.ends_with('{');
  const auto last = before.find_last_not_of(" \t\r\n*_`\"'$([{");
  if (bracketed || last == std::string_view::npos) return true;
  before = before.substr(0, last + 1);
  if (std::string_view(".:;=>!?").find(before.back()) != std::string_view::npos) return true;
  if (before.ends_with(',')) {
    if (commas) return true;
    before.remove_suffix(1);
  }
  std::size_t first = before.size();
  while (first > 0 && is_word(before[first - 1])) --first;
  static constexpr std::array<std::string_view, 26> kWords = {
      "is",   "be",     "hence", "thus",     "so",      "therefore", "that", "then", "option",
      "take", "choose", "chose", "pick",     "select",  "choice",    "with", "say",  "answer",
      "go",   "letter", "only",  "choosing", "picking", "selecting", "it's", "guess"};
  return std::ranges::find(kWords, lower_ascii(before.substr(first))) != kWords.end();
}

// Reads one answer.
class Finder {
 public:
  Finder(std::string_view text, const OptionTexts& options)
      : options_(options), flat_(narrowed(text)), folded_(lower_ascii(flat_)) {}

  std::optional<FoundLetter> find() const {
    const std::array<std::pair<char, LetterRule>, 6> found = {
        {{in_box(), LetterRule::kBoxed},
         {named(), LetterRule::kAnswerIs},
         {after({"answer:", "answer**:", "答案:", "答案**:"}), LetterRule::kAnswerColon},
         {in_bold(), LetterRule::kBold},
         {on_line(), LetterRule::kLoneLine},
         {at_end(), LetterRule::kLastLetter}}};
    for (const auto& [letter, rule] : found)
      if (letter != 0) return FoundLetter{letter, rule};
    return std::nullopt;
  }

 private:
  std::size_t n_option() const { return options_.size(); }

  static char letter_of(std::optional<std::size_t> option) {
    return option ? static_cast<char>('A' + *option) : '\0';
  }

  // What stands in a box: a letter, an option's text, or a letter with more behind it.
  char in_slot(std::string_view text) const {
    if (const char letter = sole_letter(text, n_option()); letter != 0) return letter;
    if (const auto option = options_.equal_to(text)) return letter_of(option);
    return leading_letter(text, n_option());
  }

  // What stands behind "the answer is".
  char behind_phrase(std::string_view text) const {
    bool wrapped = false;
    const auto bare = without_marks(text, wrapped);
    for (const std::string_view word : {"option ", "choice "})
      if (lower_ascii(bare.substr(0, word.size())) == word)
        return leading_letter(bare.substr(word.size()), n_option());
    if (const char letter = leading_letter(text, n_option()); letter != 0) return letter;
    return letter_of(options_.begun_by(bare.substr(0, bare.find('\n'))));
  }

  // Calls `visit` with each place behind one of the phrases, which are in small letters.
  template <class Visit>
  void each_phrase(std::initializer_list<std::string_view> phrases, Visit visit) const {
    for (const auto phrase : phrases)
      for (auto at = folded_.find(phrase); at != std::string::npos;
           at = folded_.find(phrase, at + 1)) {
        const bool ascii = static_cast<unsigned char>(phrase.front()) < 0x80;
        if (at > 0 && ascii && is_word(phrase.front()) && is_word(folded_[at - 1])) continue;
        visit(at, at + phrase.size());
      }
  }

  // The letter that `read` finds at the last place; 0: at none.
  template <class Read>
  void last_of(std::initializer_list<std::string_view> phrases, Mention& last, Read read) const {
    each_phrase(phrases, [&](std::size_t begin, std::size_t end) {
      const char letter = read(begin, std::string_view(flat_).substr(end));
      if (letter != 0 && end >= last.at) last = {end, letter};
    });
  }

  char after(std::initializer_list<std::string_view> phrases) const {
    Mention last;
    last_of(phrases, last, [&](std::size_t, std::string_view rest) { return behind_phrase(rest); });
    return last.letter;
  }

  char in_box() const {
    Mention last;
    last_of({"\\boxed{"}, last, [&](std::size_t, std::string_view rest) {
      std::size_t depth = 1;
      std::size_t end = 0;
      for (; end < rest.size() && depth > 0; ++end)
        depth += rest[end] == '{' ? 1U : rest[end] == '}' ? ~std::size_t{0} : 0U;
      return in_slot(depth == 0 ? rest.substr(0, end - 1) : rest);
    });
    last_of({"<answer>", "<boxed>"}, last, [&](std::size_t, std::string_view rest) {
      return in_slot(rest.substr(0, rest.find("</")));
    });
    return last.letter;
  }

  // "the answer is C", "option C is correct".
  char named() const {
    Mention last;
    last_of({"answer is", "correct option is", "right option is", "best option is",
             "correct choice is", "right choice is", "best choice is", "答案是", "答案为"},
            last, [&](std::size_t, std::string_view rest) { return behind_phrase(rest); });
    last_of({" is correct", " is right", " is the correct", " is the right", " is the best answer",
             " is the best option", " is the best choice", " is the answer"},
            last, [&](std::size_t begin, std::string_view rest) {
              return rest.empty() || !is_word(rest.front()) ? letter_before(begin) : '\0';
            });
    return last.letter;
  }

  char letter_before(std::size_t end) const {
    auto before = std::string_view(flat_).substr(0, end);
    while (!before.empty() &&
           std::string_view("*_`\"')]}$").find(before.back()) != std::string_view::npos)
      before.remove_suffix(1);
    if (before.empty() || !is_upper(before.back())) return 0;
    const auto letter = before.back();
    before.remove_suffix(1);
    if (static_cast<std::size_t>(letter - 'A') >= n_option()) return 0;
    if (!before.empty() && (is_word(before.back()) || before.back() == '-')) return 0;
    return introduces(before, true) ? letter : '\0';
  }

  // A line or bold text that is a letter, an option's text, or both.
  Mention mention(std::size_t at, std::string_view text) const {
    if (const char letter = sole_letter(text, n_option()); letter != 0) return {at, letter, true};
    if (const auto option = options_.equal_to(text)) return {at, letter_of(option)};
    const char letter = leading_letter(text, n_option());
    if (letter == 0) return {};
    const bool fits =
        options_.begins_with(text_behind_letter(text), static_cast<std::size_t>(letter - 'A'));
    return fits ? Mention{at, letter} : Mention{};
  }

  // The last one that is no item of a list of options.
  static char last_mention(const std::vector<Mention>& mentions) {
    char found = 0;
    for (std::size_t i = 0; i < mentions.size(); ++i) {
      const auto letter = mentions[i].letter;
      const bool follows = i > 0 && mentions[i - 1].letter + 1 == letter && !mentions[i - 1].bare;
      const bool goes_on = i + 1 < mentions.size() && letter + 1 == mentions[i + 1].letter;
      if (mentions[i].bare || (!follows && !goes_on)) found = letter;
    }
    return found;
  }

  char in_bold() const {
    std::vector<Mention> mentions;
    const std::string_view text = flat_;
    for (auto open = text.find("**"); open != std::string_view::npos;) {
      const auto close = text.find("**", open + 2);
      if (close == std::string_view::npos) break;
      const auto found = mention(open, text.substr(open + 2, close - open - 2));
      if (found.letter != 0) mentions.push_back(found);
      open = found.letter != 0 ? text.find("**", close + 2) : close;
    }
    return last_mention(mentions);
  }

  // It lists options, or weighs them.
  static bool has_several_bold(std::string_view line) {
    std::size_t n_mark = 0;
    for (auto at = line.find("**"); at != std::string_view::npos; at = line.find("**", at + 2))
      ++n_mark;
    return n_mark > 2;
  }

  char on_line() const {
    if (const auto option = options_.equal_to(flat_)) return letter_of(option);
    std::vector<Mention> mentions;
    LineReader lines(flat_);
    while (const auto line = lines.next()) {
      const auto first = std::min(line->text.find_first_not_of("#->+ \t"), line->text.size());
      const auto found = mention(line->number, line->text.substr(first));
      if (found.letter != 0 && !has_several_bold(line->text)) mentions.push_back(found);
    }
    return last_mention(mentions);
  }

  char at_end() const {
    std::string_view text = flat_;
    while (!text.empty() && only_marks(text.substr(text.size() - 1))) text.remove_suffix(1);
    if (text.empty() || !is_upper(text.back())) return 0;
    const auto before = text.substr(0, text.size() - 1);
    if (!before.empty() &&
        (is_word(before.back()) || before.back() == '\'' || before.back() == '-'))
      return 0;
    return introduces(before, false) ? leading_letter(text.substr(before.size()), n_option())
                                     : '\0';
  }

  const OptionTexts& options_;
  std::string flat_;
  std::string folded_;
};

}  // namespace

std::string_view rule_name(LetterRule rule) {
  static constexpr std::array<std::string_view, 6> kNames = {"boxed", "answer_is", "answer_colon",
                                                             "bold",  "lone_line", "last_letter"};
  return kNames.at(static_cast<std::size_t>(rule));
}

std::optional<FoundLetter> extract_letter(std::string_view text,
                                          std::span<const std::string> options) {
  const OptionTexts texts(options);
  return Finder(text, texts).find();
}

}  // namespace coe
