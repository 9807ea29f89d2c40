#include "coe/ask/answer/loop_guard.h"

#include "coe/base/rng.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

// No two stretches of it are alike for long.
std::string noise(std::size_t n_char, std::uint64_t seed) {
  Rng rng(seed);
  std::string text;
  for (std::size_t i = 0; i < n_char; ++i) text += static_cast<char>('a' + rng.below(26));
  return text;
}

std::string repeated(std::string_view block, std::size_t n) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) text += block;
  return text;
}

// The method's rule, to the letter.
constexpr LoopOptions kLetter{.hold_chars = 0};

std::size_t loop_in(std::string_view text, const LoopOptions& options = kLetter) {
  return find_loop(text, options).value_or(kNone);
}

TEST(LoopGuard, FiresWhereTheDefinitionSays) {
  const std::string start = noise(1300, 1);
  // A block of p characters repeats itself from 1300 + p on; 100 characters later the tail has
  // occurred before.
  EXPECT_EQ(loop_in(start + repeated(noise(150, 2), 9)), 1300U + 150U + 100U);
  EXPECT_EQ(loop_in(start + repeated(noise(100, 3), 9)), 1300U + 100U + 100U);
  EXPECT_EQ(loop_in(start + repeated(noise(400, 4), 9)), 1300U + 400U + 100U);
  // Two rounds of a shorter block are the first that lie wholly before the tail.
  EXPECT_EQ(loop_in(start + repeated(noise(99, 5), 9)), 1300U + 198U + 100U);
  EXPECT_EQ(loop_in(start + repeated("x", 900)), 1300U + 100U + 100U);
}

TEST(LoopGuard, LetsTextsPassThatAreNoLoops) {
  EXPECT_EQ(loop_in(noise(20000, 6)), kNone);
  // Rounds longer than the window, and an echo of 99 characters.
  EXPECT_EQ(loop_in(noise(1300, 1) + repeated(noise(401, 7), 9)), kNone);
  const std::string echo = noise(99, 8);
  EXPECT_EQ(loop_in(noise(1300, 1) + echo + "-" + echo + "+" + noise(500, 9)), kNone);
  EXPECT_EQ(loop_in(noise(1300, 1) + echo + "-" + echo + "-" + noise(500, 9)), 1300U + 200U);
}

TEST(LoopGuard, WaitsForAText) {
  EXPECT_EQ(loop_in(repeated("ab", 699) + "a"), kNone);  // 1,399 characters
  EXPECT_EQ(loop_in(repeated("ab", 2000)), 1400U);
  // A loop that the text has left before it is long enough.
  EXPECT_EQ(loop_in(noise(700, 1) + repeated("ab", 300) + noise(2000, 2)), kNone);
}

TEST(LoopGuard, CountsCodePoints) {
  const std::string start = noise(1300, 1);
  // 150 characters of two bytes each: the same characters, other bytes.
  std::string block;
  for (const char c : noise(150, 2)) {
    block += '\xc3';
    block += static_cast<char>(c - 'a' + 0xa0);
  }
  EXPECT_EQ(loop_in(start + repeated(block, 9)), 1300U + 2U * (150U + 100U));
  EXPECT_EQ(loop_in(repeated("€", 1399)), kNone);
  EXPECT_EQ(loop_in(repeated("🙂", 1400)), 4U * 1400U);
}

TEST(LoopGuard, WaitsUntilItGoesOn) {
  const std::string start = noise(1300, 1);
  // The 401st character after which the tail occurs again.
  EXPECT_EQ(loop_in(start + repeated(noise(150, 2), 9), {}), 1300U + 150U + 100U + 400U);
  EXPECT_EQ(loop_in(start + repeated(noise(400, 4), 9), {}), 1300U + 400U + 100U + 400U);
  // What ends before is no loop, and is forgotten at half its speed.
  const std::string passage = repeated(noise(100, 3), 5);
  EXPECT_EQ(loop_in(start + passage), 1500U);
  EXPECT_EQ(loop_in(start + passage + noise(1000, 5), {}), kNone);
  const std::string another = repeated(noise(100, 7), 3);
  EXPECT_EQ(loop_in(start + passage + noise(50, 5) + another + noise(1000, 6), {}), kNone);
  // The passage counts 301; 130 and then 199 characters that are new take 164.5 off; the 264th
  // after them makes it 400.5.
  const auto again = loop_in(start + passage + noise(130, 5) + repeated(noise(100, 6), 9), {});
  EXPECT_EQ(again, 1300U + 500U + 130U + 199U + 264U);
}

TEST(LoopGuard, SeesALoopThatCounts) {
  std::string text = noise(1300, 1);
  const std::string unit = noise(280, 2);
  for (int i = 1; i < 30; ++i) text += unit + " " + std::to_string(i) + " ";
  EXPECT_NE(loop_in(text, {}), kNone);
}

TEST(LoopGuard, StaysFired) {
  LoopGuard guard(kLetter);
  EXPECT_FALSE(guard.feed(repeated("ab", 600)));
  EXPECT_TRUE(guard.feed(repeated("ab", 600)));
  EXPECT_TRUE(guard.feed(noise(5000, 1)));
  EXPECT_EQ(guard.loop_end(), 1400U);
}

// The definition, character by character. Bytes that are no part of a code point are characters.
std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t most = lead < 0xc0 || lead >= 0xf8 ? 1
                             : lead < 0xe0               ? 2
                             : lead < 0xf0               ? 3
                                                         : 4;
    std::size_t n = 1;
    while (n < most && i + n < text.size() &&
           (static_cast<unsigned char>(text[i + n]) & 0xc0) == 0x80)
      ++n;
    out.push_back(text.substr(i, n));
    i += n;
  }
  // Is more to come of the last one?
  if (!out.empty()) {
    const auto lead = static_cast<unsigned char>(out.back().front());
    const std::size_t whole = lead < 0xc0 || lead >= 0xf8 ? 1
                              : lead < 0xe0               ? 2
                              : lead < 0xf0               ? 3
                                                          : 4;
    if (out.back().size() < whole) out.pop_back();
  }
  return out;
}

bool repeats(const std::vector<std::string_view>& text, const LoopOptions& options) {
  if (text.size() < options.tail_chars) return false;
  const auto tail = text.end() - static_cast<std::ptrdiff_t>(options.tail_chars);
  const auto n_before =
      std::min<std::size_t>(options.window_chars, static_cast<std::size_t>(tail - text.begin()));
  const auto window = tail - static_cast<std::ptrdiff_t>(n_before);
  return std::search(window, tail, tail, text.end()) != tail;
}

RC_GTEST_PROP(LoopGuardProperty, IsTheDefinitionHoweverTheTextIsCut, ()) {
  const LoopOptions options{.min_chars = *rc::gen::inRange<std::size_t>(0, 25),
                            .tail_chars = *rc::gen::inRange<std::size_t>(1, 6),
                            .window_chars = *rc::gen::inRange<std::size_t>(1, 14),
                            .hold_chars = *rc::gen::inRange<std::size_t>(0, 8)};
  const auto parts = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("a", "b", "ab", "é", "€", "🙂", "\xc3", "\x80", "\xff"));
  std::string text;
  for (const auto& part : parts) text += part;

  LoopGuard guard(options);
  for (std::string_view rest = text; !rest.empty();) {
    const auto n = *rc::gen::inRange<std::size_t>(1, 8);
    guard.feed(rest.substr(0, n));
    rest.remove_prefix(std::min(n, rest.size()));
  }
  RC_ASSERT(guard.loop_end() == find_loop(text, options));

  bool loops = false;
  double balance = 0.0;
  const auto all = characters(text);
  for (std::size_t n = 1; n <= all.size(); ++n) {
    const bool again =
        repeats({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n)}, options);
    balance = again ? balance + 1.0 : std::max(0.0, balance - 0.5);
    loops = loops ||
            (again && n >= options.min_chars && balance > static_cast<double>(options.hold_chars));
  }
  RC_CLASSIFY(loops);
  RC_ASSERT(guard.looped() == loops);
}

TEST(LoopGuard, IsCheapForEachCharacter) {
  const std::string text = noise(200000, 1);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(find_loop(text));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace coe
