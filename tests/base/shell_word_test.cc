#include "coe/base/shell_word.h"

#include <gtest/gtest.h>

namespace coe {
namespace {

TEST(ShellWord, QuotesWhatAShellWouldTakeApart) {
  EXPECT_EQ(shell_word("web/a-1.gguf"), "web/a-1.gguf");
  EXPECT_EQ(shell_word("my web.gguf"), "'my web.gguf'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("$HOME"), "'$HOME'");
  EXPECT_EQ(shell_word("für"), "'für'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace coe
