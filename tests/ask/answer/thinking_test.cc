#include "coe/ask/answer/thinking.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

const std::vector<ThinkingMarkers> kMarkers = {{"<think>", "</think>"},
                                               {"<|channel>thought", "<channel|>"}};

void expect_split(std::string_view text, std::string_view thinking, std::string_view content) {
  const auto split = split_thinking(text, kMarkers);
  EXPECT_EQ(split.thinking, thinking) << text;
  EXPECT_EQ(split.content, content) << text;
}

TEST(SplitThinking, TakesTheBlockOut) {
  expect_split("<think>2+2 is 4</think>It is 4.", "2+2 is 4", "It is 4.");
  expect_split("<think>\nhm\n</think>\n\nYes.\n", "hm", "Yes.");
  expect_split("<|channel>thought\nhm\n<channel|>Yes.", "hm", "Yes.");
  expect_split("<think>a</think>b<think>c</think>d", "a\nc", "b\nd");
}

TEST(SplitThinking, LeavesTextWithoutMarkers) {
  expect_split("", "", "");
  expect_split(" Just an answer. ", "", "Just an answer.");
  expect_split("<think></think>Yes.", "", "Yes.");
  // Markers of another kind that come later are text.
  expect_split("<think>x</think>Write <|channel>thought", "x", "Write <|channel>thought");
}

TEST(SplitThinking, UnderstandsBlocksThatLackAnEnd) {
  expect_split("<think>on and on", "on and on", "");
  expect_split("So: <think>on and on", "on and on", "So:");
  // The prompt had opened it.
  expect_split("first this\n</think>\nThen that.", "first this", "Then that.");
}

TEST(SplitThinking, NeedsNoMarkers) {
  EXPECT_EQ(split_thinking("<think>a</think>b", {}).content, "<think>a</think>b");
}

}  // namespace
}  // namespace coe
