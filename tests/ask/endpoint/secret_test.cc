#include "coe/ask/endpoint/secret.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace coe {
namespace {

TEST(Redacted, HidesTheSecret) {
  EXPECT_EQ(redacted("sk-12345678 and sk-12345678", "sk-12345678"), "… and …");
  EXPECT_EQ(redacted("nothing", ""), "nothing");
  EXPECT_EQ(redacted("aaa", "a"), "………");
}

TEST(Redactor, FindsASecretHoweverItIsCut) {
  constexpr std::string_view text = "key sk-sk-12345678, sk-1234567 sk-12345678";
  for (std::size_t i = 0; i <= text.size(); ++i)
    for (std::size_t j = i; j <= text.size(); ++j) {
      Redactor redactor("sk-12345678");
      auto out = redactor.feed(text.substr(0, i));
      out += redactor.feed(text.substr(i, j - i));
      out += redactor.feed(text.substr(j));
      out += redactor.finish();
      ASSERT_EQ(out, "key sk-…, sk-1234567 …") << i << " " << j;
    }
}

TEST(Redactor, GivesTextWhileItComes) {
  Redactor redactor("sk-12345678");
  EXPECT_EQ(redactor.feed("a text"), "a text");
  EXPECT_EQ(redactor.feed(" with s"), " with ");
  EXPECT_EQ(redactor.feed("ense"), "sense");
}

TEST(Redactor, LeavesPlaceholdersAlone) {
  Redactor redactor("none");
  EXPECT_EQ(redactor.feed("none of these"), "none of these");
}

}  // namespace
}  // namespace coe
