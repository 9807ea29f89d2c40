#include "coe/base/process/isolated.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace coe {
namespace {

TEST(Isolated, ReturnsWhatTheWorkReturnsAndNothingElse) {
  int changed = 0;
  const auto pid = run_isolated([&]() -> Result<std::string> {
    changed = 1;
    return std::to_string(::getpid());
  });
  ASSERT_TRUE(pid);
  EXPECT_NE(*pid, std::to_string(::getpid()));
  EXPECT_EQ(changed, 0);
}

TEST(Isolated, AResultLargerThanAPipe) {
  const std::string large(3'000'001, 'x');
  const auto found = run_isolated([&]() -> Result<std::string> { return large; });
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, large);
  EXPECT_EQ(run_isolated([]() -> Result<std::string> { return std::string(); }), std::string());
}

TEST(Isolated, ErrorsPassThrough) {
  const auto found = run_isolated(
      []() -> Result<std::string> { return fail(Code::kMismatch, "a: is not b", "give b"); });
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::kMismatch);
  EXPECT_EQ(found.error().message, "a: is not b");
  EXPECT_EQ(found.error().hint, "give b");
}

TEST(Isolated, AProcessThatEndsEarlyIsAnError) {
  const auto killed = run_isolated([]() -> Result<std::string> {
    ::raise(SIGKILL);
    return std::string("never");
  });
  ASSERT_FALSE(killed);
  EXPECT_EQ(killed.error().code, Code::kEngine);
  EXPECT_THAT(killed.error().message, ::testing::HasSubstr("signal 9"));
  const auto left = run_isolated([]() -> Result<std::string> { ::_exit(0); });
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().code, Code::kEngine);
  const auto threw =
      run_isolated([]() -> Result<std::string> { throw std::runtime_error("broken"); });
  ASSERT_FALSE(threw);
  EXPECT_EQ(threw.error().code, Code::kInternal);
  EXPECT_EQ(threw.error().message, "broken");
}

}  // namespace
}  // namespace coe
