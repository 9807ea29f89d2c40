#include "coe/measure/choice/option_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace coe {

namespace {

// LaTeX that only sets a text: its name and its braces are dropped.
std::size_t wrapper_length(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kWrappers = {"\\text{", "\\textbf{", "\\mathrm{",
                                                                "\\mathbf{"};
  const auto* const found = std::ranges::find_if(
      kWrappers, [&](std::string_view wrapper) { return text.starts_with(wrapper); });
  return found == kWrappers.end() ? 0 : found->size();
}

std::string normalised(std::string_view text) {
  std::string out;
  std::size_t n_wrapper = 0;
  bool blank = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (const std::size_t n = wrapper_length(text.substr(i)); n > 0) {
      ++n_wrapper;
      i += n - 1;
    } else if (c == '}' && n_wrapper > 0) {
      --n_wrapper;
    } else if (text.substr(i).starts_with("**")) {
      ++i;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      blank = true;
    } else if (c != '$' && c != '`') {
      if (blank && !out.empty()) out += ' ';
      blank = false;
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  constexpr std::string_view kBefore = " *_\"'([";
  constexpr std::string_view kBehind = " *_\"')].,;:!";
  const auto first = out.find_first_not_of(kBefore);
  if (first == std::string::npos) return {};
  const auto last = out.find_last_not_of(kBehind);
  return last == std::string::npos || last < first ? std::string()
                                                   : out.substr(first, last + 1 - first);
}

bool is_word(char c) {  // bytes of UTF-8 beyond ASCII are parts of words
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// "4" begins neither "42" nor "4.5" nor "4/5".
bool begins(std::string_view text, std::string_view option) {
  if (option.empty() || !text.starts_with(option)) return false;
  const auto rest = text.substr(option.size());
  if (rest.empty()) return true;
  const bool goes_on = rest.size() > 1 &&
                       std::string_view(".,/-^*+").find(rest[0]) != std::string_view::npos &&
                       is_word(rest[1]);
  return !goes_on && !(is_word(option.back()) && is_word(rest[0]));
}

}  // namespace

OptionTexts::OptionTexts(std::span<const std::string> options) {
  texts_.reserve(options.size());
  for (const auto& option : options) texts_.push_back(normalised(option));
}

bool OptionTexts::stands_alone(std::size_t option) const {
  return !texts_[option].empty() && std::ranges::count(texts_, texts_[option]) == 1;
}

std::optional<std::size_t> OptionTexts::equal_to(std::string_view text) const {
  const auto found = std::ranges::find(texts_, normalised(text));
  const auto option = static_cast<std::size_t>(found - texts_.begin());
  return found != texts_.end() && stands_alone(option) ? std::optional(option) : std::nullopt;
}

std::optional<std::size_t> OptionTexts::begun_by(std::string_view text) const {
  const auto whole = normalised(text);
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < texts_.size(); ++i)
    if (begins(whole, texts_[i]) && (!found || texts_[i].size() > texts_[*found].size())) found = i;
  return found && stands_alone(*found) ? found : std::nullopt;
}

bool OptionTexts::begins_with(std::string_view text, std::size_t option) const {
  return begins(normalised(text), texts_[option]);
}

}  // namespace coe
