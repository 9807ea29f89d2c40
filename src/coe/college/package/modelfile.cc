#include "coe/college/package/modelfile.h"

#include "coe/base/printable.h"
#include "coe/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace coe {
namespace {

constexpr std::array<std::string_view, 11> kInstructions = {
    "from",     "license", "template",  "system",  "adapter", "draft",
    "renderer", "parser",  "parameter", "message", "requires"};
constexpr std::string_view kTripleQuotes = "\"\"\"";

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_line_end(char c) { return c == '\n' || c == '\r'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Without its quotation marks; nothing where they are not closed yet.
std::optional<std::string_view> unquoted(std::string_view text) {
  for (const auto mark : {kTripleQuotes, kTripleQuotes.substr(0, 1)}) {
    if (!text.starts_with(mark)) continue;
    if (text.size() < 2 * mark.size() || !text.ends_with(mark)) return std::nullopt;
    return text.substr(mark.size(), text.size() - 2 * mark.size());
  }
  return text;
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  Result<std::vector<ModelfileCommand>> run() {
    while (skip_to_command()) COE_TRY_STATUS(read_command());
    if (std::ranges::none_of(commands_, [](const auto& c) {
          return c.name == "from" && !c.is_parameter && !c.is_message;
        }))
      return fail(Code::kCorrupt, fmt::format("{}: has no line FROM", name_));
    return std::move(commands_);
  }

 private:
  bool at_end() const { return at_ == text_.size(); }
  char here() const { return text_[at_]; }
  void advance() {
    if (is_line_end(here()) &&
        (here() == '\n' || at_ + 1 == text_.size() || text_[at_ + 1] != '\n'))
      ++line_;
    ++at_;
  }

  tl::unexpected<Error> refuse(std::string what) const {
    return fail(Code::kCorrupt, fmt::format("{}:{}: {}", name_, line_, what));
  }

  // Passes over blanks, empty lines and comments.
  bool skip_to_command() {
    while (!at_end() && (is_blank(here()) || is_line_end(here()) || here() == '#')) {
      if (here() == '#')
        while (!at_end() && !is_line_end(here())) advance();
      else
        advance();
    }
    return !at_end();
  }

  // A word of `allowed` characters, and the one blank after it.
  template <class Allowed>
  Result<std::string> read_word(std::string_view what, Allowed allowed) {
    const std::size_t begin = at_;
    while (!at_end() && allowed(here())) advance();
    std::string word(text_.substr(begin, at_ - begin));
    if (at_end() || !is_blank(here()))
      return refuse(fmt::format(
          "`{}` is no {}",
          printable(text_.substr(begin, std::min<std::size_t>(at_ - begin + 1, 40))), what));
    advance();
    return word;
  }

  Status read_command() {
    ModelfileCommand command;
    command.line = line_;
    COE_TRY(const auto word, read_word("instruction", is_letter));
    command.name = lower_ascii(word);
    if (std::ranges::find(kInstructions, command.name) == kInstructions.end())
      return refuse(fmt::format("`{}` is no instruction", printable(word)));
    if (command.name == "parameter") {
      command.is_parameter = true;
      COE_TRY(command.name, read_word("parameter", [](char c) {
                return is_letter(c) || is_digit(c) || c == '_';
              }));
    } else if (command.name == "message") {
      command.is_message = true;
      COE_TRY(command.name, read_word("role", is_letter));
      if (command.name != "system" && command.name != "user" && command.name != "assistant")
        return refuse(fmt::format("`{}` is no role", command.name));
    }
    COE_TRY_STATUS(read_value(command));
    commands_.push_back(std::move(command));
    return {};
  }

  // To the first end of a line, or of the file, at which its quotation marks are closed.
  Status read_value(ModelfileCommand& command) {
    const std::size_t begin = at_;
    while (true) {
      while (!at_end() && !is_line_end(here())) advance();
      if (const auto value = unquoted(trimmed(text_.substr(begin, at_ - begin)))) {
        command.value = *value;
        return {};
      }
      if (at_end())
        return fail(Code::kCorrupt,
                    fmt::format("{}:{}: the text that begins here has no closing quotation mark",
                                name_, command.line));
      advance();
    }
  }

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::vector<ModelfileCommand> commands_;
};

}  // namespace

Result<std::vector<ModelfileCommand>> parse_modelfile(std::string_view text,
                                                      std::string_view name) {
  return Parser(text, name).run();
}

}  // namespace coe
