#include "coe/ask/endpoint/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace coe {
namespace {

TEST(Backoff, DoublesUpToAMost) {
  const RetryOptions options{.n_attempt = 10, .first_seconds = 0.5, .most_seconds = 3.0};
  Rng rng(1);
  const double full[] = {0.5, 1.0, 2.0, 3.0, 3.0};
  for (unsigned n = 1; n <= 5; ++n) {
    double least = 99.0;
    double most = 0.0;
    for (int i = 0; i < 200; ++i) {
      Tries tries{.n_made = n - 1};
      const double seconds = *next_wait(options, Trouble::kPassing, tries, std::nullopt, 0.0, rng);
      EXPECT_EQ(tries.n_made, n);
      least = std::min(least, seconds);
      most = std::max(most, seconds);
    }
    EXPECT_GE(least, full[n - 1] * 0.5);
    EXPECT_LT(least, full[n - 1] * 0.55);
    EXPECT_LE(most, full[n - 1]);
    EXPECT_GT(most, full[n - 1] * 0.95);
  }
}

TEST(Backoff, GivesUp) {
  const RetryOptions options{.n_attempt = 3};
  Rng rng(1);
  Tries tries;
  EXPECT_FALSE(next_wait(options, Trouble::kLasting, tries, std::nullopt, 0.0, rng));
  EXPECT_TRUE(next_wait(options, Trouble::kPassing, tries, std::nullopt, 0.0, rng));
  EXPECT_TRUE(next_wait(options, Trouble::kPassing, tries, std::nullopt, 0.0, rng));
  EXPECT_FALSE(next_wait(options, Trouble::kPassing, tries, std::nullopt, 0.0, rng));
}

TEST(Backoff, WaitsAsLongAsTheServerAsks) {
  const RetryOptions options{.most_seconds = 1.0, .wait_seconds = 60.0};
  for (const auto trouble : {Trouble::kPassing, Trouble::kBusy, Trouble::kNotReady}) {
    Rng rng(1);
    Tries tries;
    const auto seven = next_wait(options, trouble, tries, 7.0, 0.0, rng);
    ASSERT_TRUE(seven);
    EXPECT_GE(*seven, 7.0);
    EXPECT_LT(*seven, 7.2);
    EXPECT_FALSE(next_wait(options, trouble, tries, 61.0, 0.0, rng));
  }
}

// The sum of the waits until a server is given up that answers nobody.
std::pair<double, unsigned> waited(const RetryOptions& options, Trouble trouble) {
  Rng rng(1);
  Tries tries;
  double silent = 0.0;
  double longest = 0.0;
  while (const auto seconds = next_wait(options, trouble, tries, std::nullopt, silent, rng)) {
    silent += *seconds;
    longest = std::max(longest, *seconds);
  }
  EXPECT_EQ(tries.n_made, 0U);
  EXPECT_LE(longest, trouble == Trouble::kBusy ? 120.0 : 5.0);
  return {silent, tries.n_waited};
}

TEST(Backoff, WaitsForAServerThatIsNotReadyOrBusy) {
  const RetryOptions options{.n_attempt = 1, .wait_seconds = 300.0};
  const auto [loading, n_loading] = waited(options, Trouble::kNotReady);
  EXPECT_NEAR(loading, 300.0, 1e-6);
  EXPECT_GT(n_loading, 60U);
  const auto [busy, n_busy] = waited(options, Trouble::kBusy);
  EXPECT_NEAR(busy, 300.0, 1e-6);
  EXPECT_LT(n_busy, 15U);
  EXPECT_EQ(waited({.wait_seconds = 0.0}, Trouble::kNotReady).second, 0U);
  // Others are answered, this one never is.
  Rng rng(1);
  Tries tries;
  while (next_wait(options, Trouble::kBusy, tries, std::nullopt, 0.0, rng)) {
  }
  EXPECT_NEAR(tries.waited_seconds, 1200.0, 1e-6);
}

TEST(Backoff, KnowsWhatMayPass) {
  EXPECT_EQ(trouble_of(429), Trouble::kBusy);
  EXPECT_EQ(trouble_of(503), Trouble::kNotReady);
  for (const long status : {408L, 425L, 500L, 502L, 504L, 529L})
    EXPECT_EQ(trouble_of(status), Trouble::kPassing) << status;
  for (const long status : {200L, 301L, 400L, 401L, 403L, 404L, 422L, 600L})
    EXPECT_EQ(trouble_of(status), Trouble::kLasting) << status;
}

}  // namespace
}  // namespace coe
