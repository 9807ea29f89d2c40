#include "coe/ask/answer/loop_guard.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace coe {

namespace {

constexpr char32_t kBeforeText = 0xffffffffU;  // equals no character
constexpr char32_t kStrayByte = 0x80000000U;   // plus the byte: no code point is as high

}  // namespace

LoopGuard::LoopGuard(const LoopOptions& options)
    : options_(options), past_(options.window_chars, kBeforeText) {
  if (options_.window_chars >= options_.tail_chars)
    n_equal_.resize(options_.window_chars - options_.tail_chars + 1);
}

bool LoopGuard::feed(std::string_view piece) {
  for (const char c : piece) {
    if (looped()) break;
    ++n_byte_;
    add_byte(static_cast<unsigned char>(c));
  }
  return looped();
}

void LoopGuard::add_byte(unsigned char byte) {
  const bool continues = (byte & 0xc0U) == 0x80U;
  if (continues && n_byte_due_ > 0) {
    begun_ = begun_ << 8U | byte;
    if (--n_byte_due_ == 0) add_char(begun_);
    return;
  }
  if (n_byte_due_ > 0) {  // broken off
    n_byte_due_ = 0;
    add_char(kStrayByte | begun_);
  }
  if (byte < 0x80U)
    add_char(byte);
  else if (continues || byte >= 0xf8U)
    add_char(kStrayByte | byte);
  else {
    begun_ = byte;
    n_byte_due_ = byte < 0xe0U ? 1 : byte < 0xf0U ? 2 : 3;
  }
}

void LoopGuard::add_char(char32_t value) {
  const char32_t* window = past_.data() + (past_.size() - options_.window_chars);
  // The tail occurs `lag` characters before itself: its characters all equal those before.
  bool repeats = false;
  const std::size_t n_lag = n_equal_.size();
  for (std::size_t i = 0; i < n_lag; ++i) {  // vectorised
    const std::uint32_t n = window[i] == value ? n_equal_[i] + 1 : 0;
    n_equal_[i] = n;
    repeats |= n >= options_.tail_chars;
  }
  constexpr std::size_t kLongest = 4096;  // characters kept beyond the window
  if (past_.size() >= options_.window_chars + kLongest)
    past_.erase(past_.begin(), past_.end() - static_cast<std::ptrdiff_t>(options_.window_chars));
  past_.push_back(value);
  balance_ = repeats ? balance_ + 2 : balance_ - std::min<std::size_t>(balance_, 1);
  if (++n_char_ >= options_.min_chars && repeats && balance_ > 2 * options_.hold_chars &&
      !loop_end_)
    loop_end_ = n_byte_;
}

std::optional<std::size_t> find_loop(std::string_view text, const LoopOptions& options) {
  LoopGuard guard(options);
  guard.feed(text);
  return guard.loop_end();
}

}  // namespace coe
