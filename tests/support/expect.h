// Short forms for tests of functions that return Result.
#pragma once

#include "coe/base/result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace coe::testing {

// The value; a failure ends the test with the error's message.
template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

inline void expect_ok(const Status& status) {
  EXPECT_TRUE(status.has_value()) << status.error().message;
}

// The error's code, and that its message holds `part` (the named place).
template <class T>
void expect_error(const Result<T>& result, Code code, const std::string& part) {
  ASSERT_FALSE(result.has_value()) << "no error, but expected: " << part;
  EXPECT_EQ(static_cast<int>(result.error().code), static_cast<int>(code))
      << result.error().message;
  EXPECT_THAT(result.error().message, ::testing::HasSubstr(part));
  EXPECT_THAT(result.error().message, ::testing::Not(::testing::HasSubstr("\n")));
}

}  // namespace coe::testing
