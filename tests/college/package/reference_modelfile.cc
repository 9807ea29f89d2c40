#include "college/package/reference_modelfile.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <set>
#include <utf8proc.h>

namespace coe::testing {
namespace {

enum class State { kBetween, kComment, kWord, kParameter, kRole, kValue };

// Says what Go's strconv.IsPrint does: letters, marks, numbers, punctuation, symbols and the blank.
bool is_printed(std::int32_t code) {
  if (code == ' ') return true;
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
      return false;
    default:
      return true;
  }
}

std::string_view strip(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.remove_suffix(1);
  return text;
}

std::optional<std::string> closed(std::string_view text) {
  if (text.substr(0, 3) == "\"\"\"") {
    if (text.size() < 6 || text.substr(text.size() - 3) != "\"\"\"") return std::nullopt;
    return std::string(text.substr(3, text.size() - 6));
  }
  if (text.substr(0, 1) == "\"") {
    if (text.size() < 2 || text.back() != '"') return std::nullopt;
    return std::string(text.substr(1, text.size() - 2));
  }
  return std::string(text);
}

class Machine {
 public:
  // False: the text is refused.
  bool take(std::int32_t code, std::string_view bytes) {
    const bool blank = code == ' ' || code == '\t';
    const bool line_end = code == '\n' || code == '\r';
    const bool letter = code < 128 && std::isalpha(code) != 0;
    const bool digit = code < 128 && std::isdigit(code) != 0;
    switch (state_) {
      case State::kBetween:
        if (code == '#')
          state_ = State::kComment;
        else if (!blank && !line_end)
          start(bytes);
        return true;
      case State::kComment:
        if (line_end) state_ = State::kBetween;
        return true;
      case State::kWord:
        if (letter) {
          buffer_ += bytes;
          return true;
        }
        return blank && end_of_word();
      case State::kParameter:
        if (letter || digit || code == '_') {
          buffer_ += bytes;
          return true;
        }
        name_ = buffer_;
        return blank && begin_value();
      case State::kRole:
        if (letter) {
          buffer_ += bytes;
          return true;
        }
        if (buffer_ != "system" && buffer_ != "user" && buffer_ != "assistant") return false;
        role_ = buffer_;
        return blank && begin_value();
      case State::kValue:
        break;
    }
    if (line_end && finish_value()) {
      state_ = State::kBetween;
      return true;
    }
    if (blank || line_end || is_printed(code)) buffer_ += bytes;
    return true;
  }

  std::optional<std::vector<OllamaCommand>> end() {
    if (state_ != State::kBetween && state_ != State::kComment &&
        (state_ != State::kValue || !finish_value()))
      return std::nullopt;
    for (const auto& command : commands_)
      if (command.name == "model") return commands_;
    return std::nullopt;
  }

 private:
  void start(std::string_view bytes) {
    state_ = State::kWord;
    buffer_ = bytes;
  }
  bool begin_value() {
    state_ = State::kValue;
    buffer_.clear();
    return true;
  }
  bool end_of_word() {
    static const std::set<std::string> kWords = {"from",    "license",   "template", "system",
                                                 "adapter", "draft",     "renderer", "parser",
                                                 "message", "parameter", "requires"};
    std::string word = buffer_;
    std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!kWords.contains(word)) return false;
    name_ = word == "from" ? "model" : word;
    buffer_.clear();
    state_ = word == "parameter" ? State::kParameter
             : word == "message" ? State::kRole
                                 : State::kValue;
    return true;
  }
  bool finish_value() {
    auto value = closed(strip(buffer_));
    if (!value) return false;
    if (!role_.empty()) *value = role_ + ": " + *value;
    role_.clear();
    commands_.push_back({name_, *std::move(value)});
    return true;
  }

  State state_ = State::kBetween;
  std::string buffer_;
  std::string name_;
  std::string role_;
  std::vector<OllamaCommand> commands_;
};

}  // namespace

std::optional<std::vector<OllamaCommand>> read_as_ollama(std::string_view text) {
  Machine machine;
  while (!text.empty()) {
    utf8proc_int32_t code = 0;
    auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                              static_cast<utf8proc_ssize_t>(text.size()), &code);
    if (n <= 0) {
      n = 1;
      code = 0xfffd;
    }
    if (!machine.take(code, text.substr(0, static_cast<std::size_t>(n)))) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return machine.end();
}

}  // namespace coe::testing
