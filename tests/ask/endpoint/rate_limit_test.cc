#include "coe/ask/endpoint/rate_limit.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace coe {
namespace {

TEST(ParseDuration, ReadsThoseOfHeaders) {
  EXPECT_EQ(parse_duration("20s"), 20.0);
  EXPECT_EQ(parse_duration("1m30.5s"), 90.5);
  EXPECT_EQ(parse_duration("6m0s"), 360.0);
  EXPECT_EQ(parse_duration("500ms"), 0.5);
  EXPECT_EQ(parse_duration("1h2m"), 3720.0);
  EXPECT_EQ(parse_duration("3 minutes"), 180.0);
  EXPECT_EQ(parse_duration("12"), 12.0);
  for (const char* text : {"", "soon", "s", "-5", "1e18", "nan", "inf", "20 apples", "1m 3x",
                           "Wed, 21 Oct 2026 07:28:00 GMT"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

std::optional<double> asked(const HttpHeaders& headers, const std::string& message = {}) {
  return asked_seconds(headers, message, 1.8e9);
}

TEST(AskedSeconds, ReadsWhatServersSay) {
  EXPECT_FALSE(asked({}));
  EXPECT_FALSE(asked({}, "Rate limit reached. Try again later."));
  EXPECT_EQ(asked({{"retry-after", "7"}}, "try again in 20s"), 7.0);
  EXPECT_EQ(asked({{"retry-after", "7"}, {"retry-after-ms", "1500"}}), 1.5);
  EXPECT_EQ(asked({{"retry-after", "-5"}}), std::nullopt);
  EXPECT_EQ(asked({}, "Rate limit reached. Please try again in 20s."), 20.0);
  EXPECT_EQ(asked({}, "Please TRY AGAIN IN 1m2.5s. Visit"), 62.5);
  EXPECT_EQ(asked({}, "retry after 3 seconds"), 3.0);
  EXPECT_EQ(asked({}, R"({"@type": "RetryInfo", "retryDelay": "24s"})"), 24.0);
}

TEST(AskedSeconds, ReadsTheLimitThatIsUsedUp) {
  EXPECT_EQ(asked({{"x-ratelimit-reset-requests", "20s"}}), 20.0);
  EXPECT_EQ(asked({{"x-ratelimit-reset-requests", "8s"},
                   {"x-ratelimit-remaining-requests", "0"},
                   {"x-ratelimit-reset-tokens", "6m0s"},
                   {"x-ratelimit-remaining-tokens", "149984"}}),
            8.0);
  EXPECT_EQ(asked({{"x-ratelimit-reset-requests", "8s"}, {"x-ratelimit-reset-tokens", "1m"}}),
            60.0);
  // Points in time, in seconds and in milliseconds.
  EXPECT_EQ(asked({{"x-ratelimit-reset", "1800000030"}}), 30.0);
  EXPECT_EQ(asked({{"x-ratelimit-reset", "1800000030000"}}), 30.0);
  EXPECT_EQ(asked({{"x-ratelimit-reset", "1700000000"}}), 0.0);
}

}  // namespace
}  // namespace coe
