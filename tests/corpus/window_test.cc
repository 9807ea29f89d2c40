#include "coe/corpus/window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;

TEST(SlidingWindows, BringStrideNewTokensAfterTheirContext) {
  const std::vector<std::int32_t> tokens = {10, 11, 12, 13, 14, 15, 16};
  const auto windows = sliding_windows(tokens, 4, 2, -1);
  ASSERT_EQ(windows.size(), 3U);
  EXPECT_THAT(windows[0].tokens, ElementsAre(10, 11, 12, 13));
  EXPECT_EQ(windows[0].first_new, 0U);
  EXPECT_THAT(windows[1].tokens, ElementsAre(12, 13, 14, 15));
  EXPECT_EQ(windows[1].first_new, 2U);
  EXPECT_THAT(windows[2].tokens, ElementsAre(14, 15, 16));
  EXPECT_EQ(windows[2].first_new, 2U);
}

TEST(SlidingWindows, GiveTheBeginningTokenAgain) {
  const std::vector<std::int32_t> tokens = {2, 11, 12, 13, 14, 15, 16};
  const auto windows = sliding_windows(tokens, 4, 2, 2);
  ASSERT_EQ(windows.size(), 3U);
  EXPECT_THAT(windows[0].tokens, ElementsAre(2, 11, 12, 13));
  EXPECT_THAT(windows[1].tokens, ElementsAre(2, 13, 14, 15));
  EXPECT_THAT(windows[2].tokens, ElementsAre(2, 15, 16));
  // With stride max - 1 nothing but that token is context.
  EXPECT_THAT(sliding_windows(tokens, 4, 3, 2).back().tokens, ElementsAre(2, 14, 15, 16));
}

RC_GTEST_PROP(SlidingWindows, EveryTokenIsNewOnceAfterEnoughContext, ()) {
  const auto n_token = *rc::gen::inRange<std::size_t>(1, 60);
  const auto length = *rc::gen::inRange<std::size_t>(2, 20);
  const auto stride = *rc::gen::inRange<std::size_t>(1, length);
  const bool has_bos = *rc::gen::arbitrary<bool>();
  std::vector<std::int32_t> tokens(n_token);
  std::iota(tokens.begin(), tokens.end(), 100);
  const std::int32_t bos = 2;
  if (has_bos) tokens.front() = bos;
  std::vector<std::int32_t> seen;
  for (const auto& window : sliding_windows(tokens, length, stride, bos)) {
    RC_ASSERT(window.tokens.size() <= length);
    RC_ASSERT(window.first_new < window.tokens.size());
    if (!seen.empty()) {
      RC_ASSERT(window.first_new == length - stride);
      // The context is what stands before, up to the beginning token.
      for (std::size_t i = has_bos ? 1 : 0; i < window.first_new; ++i)
        RC_ASSERT(window.tokens[i] == seen[seen.size() - window.first_new + i]);
      if (has_bos) RC_ASSERT(window.tokens.front() == bos);
    }
    seen.insert(seen.end(), window.tokens.begin() + static_cast<std::ptrdiff_t>(window.first_new),
                window.tokens.end());
  }
  RC_ASSERT(seen == tokens);
}

}  // namespace
}  // namespace coe
