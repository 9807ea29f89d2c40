#include "coe/ask/endpoint/text_joiner.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::expect_ok;
using coe::testing::value_of;

std::string joined(const std::vector<std::string>& pieces) {
  TextJoiner joiner;
  std::string out;
  for (const auto& piece : pieces) out += value_of(joiner.add(piece));
  return out + joiner.finish();
}

std::string with_whole(const std::vector<std::string>& pieces, std::string_view whole) {
  TextJoiner joiner;
  std::string out;
  for (const auto& piece : pieces) out += value_of(joiner.add(piece));
  out += value_of(joiner.add_whole(whole));
  return out + joiner.finish();
}

TEST(TextJoiner, JoinsPieces) {
  EXPECT_EQ(joined({}), "");
  EXPECT_EQ(joined({"", "The ", "", "answer"}), "The answer");
  // Models write the same again and again, and what begins with what came before.
  EXPECT_EQ(joined({"ha", "ha", "ha"}), "hahaha");
  EXPECT_EQ(joined({" again and", " again and", " again and"}), " again and again and again and");
  EXPECT_EQ(joined({"1", "10", "0"}), "1100");
  EXPECT_EQ(joined({"1", "10"}), "110");
  EXPECT_EQ(joined({"  ", "    return", " x"}), "      return x");
  EXPECT_EQ(joined({"\n", "\n\n", "x"}), "\n\n\nx");
  EXPECT_EQ(joined({"The", "Therefore", " it"}), "TheTherefore it");
  EXPECT_EQ(joined({"-", "--", "---", "x"}), "------x");
  EXPECT_EQ(joined({" ", "  ", "    "}), "       ");
  EXPECT_EQ(joined({" ", "  ", "   b"}), "      b");
}

TEST(TextJoiner, TakesAnAccumulatedTextOnce) {
  EXPECT_EQ(joined({"The ", "The answer ", "The answer is (B)."}), "The answer is (B).");
  EXPECT_EQ(joined({"The ", "The answer is (B)."}), "The answer is (B).");
  EXPECT_EQ(joined({"T", "Th", "The", "The a", "The an", "The an"}), "The an");
  EXPECT_EQ(joined({"The ", "The answer", "The answer", "The answer is"}), "The answer is");
  TextJoiner joiner;
  for (const char* piece : {"The ", "The answer ", "The answer is (B)."})
    value_of(joiner.add(piece));
  expect_error(joiner.add("The answer is (C)."), Code::kEngine, "accumulates has changed");
}

TEST(TextJoiner, GivesTextWhileItComes) {
  TextJoiner joiner;
  EXPECT_EQ(value_of(joiner.add("The ")), "The ");
  EXPECT_EQ(value_of(joiner.add("The answer ")), "");  // one or the other
  EXPECT_EQ(value_of(joiner.add("The answer is")), "answer is");
  EXPECT_EQ(value_of(joiner.add("The answer is (B)")), " (B)");
  EXPECT_EQ(joiner.finish(), "");
}

TEST(TextJoiner, PassesOverALastPieceThatRepeatsAll) {
  EXPECT_EQ(joined({"The ", "answer is ", "B", "The answer is B"}), "The answer is B");
  EXPECT_EQ(joined({"The answer is B", "The answer is B"}), "The answer is B");
  // It was not the last one: a model that loops.
  EXPECT_EQ(joined({"and so on ", "and so on ", "for ever"}), "and so on and so on for ever");
}

TEST(TextJoiner, TakesAWholeMessageOnce) {
  const std::vector<std::string> pieces = {"The ", "answer ", "is (B).\n"};
  EXPECT_EQ(with_whole(pieces, "The answer is (B).\n"), "The answer is (B).\n");
  EXPECT_EQ(with_whole(pieces, "The answer is (B)."), "The answer is (B).\n");  // trimmed
  EXPECT_EQ(with_whole(pieces, ""), "The answer is (B).\n");
  EXPECT_EQ(with_whole({"<think>", "B fits", "</think>", "B."}, "B."), "<think>B fits</think>B.");
  EXPECT_EQ(with_whole({"The ", "answer"}, "The answer is"), "The answer is");
  EXPECT_EQ(with_whole({"The ", "The answer"}, "The answer is"), "The answer is");
  EXPECT_EQ(with_whole({}, "The answer"), "The answer");
  TextJoiner joiner;
  for (const auto& piece : pieces) value_of(joiner.add(piece));
  expect_error(joiner.add_whole("The answer is (C)."), Code::kEngine, "differ");
}

TEST(TextJoiner, LooksAtAMessageBesideAPiece) {
  TextJoiner joiner;
  value_of(joiner.add("The "));
  value_of(joiner.add("answer "));
  for (const char* fits : {"The answer ", "The answer", "answer ", "The answer is"})
    expect_ok(joiner.check_beside(fits, "answer "));
  expect_error(joiner.check_beside("The end", "answer "), Code::kEngine, "differ");
}

}  // namespace
}  // namespace coe
