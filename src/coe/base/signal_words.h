// Words for signal handlers, which may use neither the heap nor stdio.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <unistd.h>

namespace coe {

// Keeps the first bytes of `text`, and a zero.
template <std::size_t N>
void keep_words(std::array<char, N>& words, std::string_view text) {
  const auto kept = text.substr(0, N - 1);
  *std::ranges::copy(kept, words.begin()).out = '\0';
}

inline void say_in_handler(std::string_view text) {
  // Nobody is left to tell when this fails.
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace coe
