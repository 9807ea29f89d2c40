#include "coe/ask/endpoint/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

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
      const double seconds = *backoff_seconds(options, n, std::nullopt, rng);
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
  EXPECT_TRUE(backoff_seconds(options, 2, std::nullopt, rng));
  EXPECT_FALSE(backoff_seconds(options, 3, std::nullopt, rng));
  EXPECT_FALSE(backoff_seconds({.n_attempt = 1}, 1, std::nullopt, rng));
}

TEST(Backoff, WaitsAsLongAsTheServerAsks) {
  const RetryOptions options{.most_seconds = 1.0, .patience_seconds = 60.0};
  Rng rng(1);
  EXPECT_EQ(backoff_seconds(options, 1, 7.0, rng), 7.0);
  EXPECT_EQ(backoff_seconds(options, 1, 60.0, rng), 60.0);
  EXPECT_FALSE(backoff_seconds(options, 1, 61.0, rng));
  EXPECT_GT(*backoff_seconds(options, 2, 0.01, rng), 0.4);
}

TEST(Backoff, KnowsWhatMayPass) {
  for (const long status : {408L, 425L, 429L, 500L, 502L, 503L, 504L, 529L})
    EXPECT_TRUE(is_transient(status)) << status;
  for (const long status : {200L, 301L, 400L, 401L, 403L, 404L, 422L, 600L})
    EXPECT_FALSE(is_transient(status)) << status;
}

}  // namespace
}  // namespace coe
