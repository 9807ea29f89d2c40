#include "coe/measure/cells/measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

TEST(FileNameOf, KeepsNamesApart) {
  EXPECT_EQ(file_name_of("web_js-2"), "web_js-2");
  const auto slash = file_name_of("web/answer");
  EXPECT_THAT(slash, ::testing::StartsWith("web-answer-"));
  EXPECT_NE(slash, file_name_of("web:answer"));
  EXPECT_EQ(slash, file_name_of("web/answer"));
  EXPECT_EQ(file_name_of("../x").find('/'), std::string::npos);
  EXPECT_LE(file_name_of(std::string(500, '.')).size(), 80U);
}

}  // namespace
}  // namespace coe
