#include "coe/measure/browser/base64.h"

#include "support/expect.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>

namespace coe {
namespace {

// RFC 4648, section 10.
TEST(Base64, TheStandardsExamples) {
  const std::pair<std::string, std::string> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : examples) {
    EXPECT_EQ(base64_encode(plain), encoded);
    EXPECT_EQ(base64_decode(encoded), plain);
  }
}

TEST(Base64, DecodesWhatItEncodes) {
  EXPECT_TRUE(rc::check(
      [](const std::string& bytes) { RC_ASSERT(base64_decode(base64_encode(bytes)) == bytes); }));
}

TEST(Base64, RefusesWhatIsNone) {
  for (const auto* text : {"Zg=", "Zg", "Z===", "====", "Zm9v!", "Zm 9v"})
    coe::testing::expect_error(base64_decode(text), Code::kCorrupt, "base64");
}

}  // namespace
}  // namespace coe
