// Text that a model writes, on its way to a terminal.
#pragma once

#include "coe/base/printable.h"
#include "coe/base/utf8.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace coe::cli {

// Makes a text of pieces fit for a terminal, as printable_lines() does. A piece may end within a
// character, which then is kept for the next.
class TerminalText {
 public:
  std::string take(std::string_view piece) {
    kept_ += piece;
    const std::size_t whole = kept_.size() - cut_character();
    std::string out = printable_lines(std::string_view(kept_).substr(0, whole));
    kept_.erase(0, whole);
    return out;
  }
  // What is left when the text ends.
  std::string end() { return printable_lines(std::exchange(kept_, {})); }

 private:
  // The bytes of a character that begins at the end of the text and is not whole.
  std::size_t cut_character() const {
    constexpr std::size_t kLongest = 4;
    for (std::size_t n = 1; n <= std::min(kLongest, kept_.size()); ++n) {
      const auto lead = static_cast<unsigned char>(kept_[kept_.size() - n]);
      if (!is_char_start(kept_[kept_.size() - n])) continue;
      const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
      return n < length ? n : 0;
    }
    return 0;
  }

  std::string kept_;
};

}  // namespace coe::cli
