#include "coe/corpus/message/thinking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

void expect_split(std::string_view text, std::string_view thinking, std::string_view content) {
  const auto split = split_thinking(text);
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

TEST(SplitThinking, FindsItInAnyPlace) {
  expect_split("Sure.\n<think>hm</think>\nIt is 4.", "hm", "Sure.\nIt is 4.");
  expect_split("[THINK]hm[/THINK]It is 4.", "hm", "It is 4.");
}

TEST(SplitThinking, KnowsTheChannelsOfGptOss) {
  const std::string final = "<|start|>assistant<|channel|>final<|message|>The answer is (B).";
  for (const auto& text :
       {"<|channel|>analysis<|message|>B fits.<|end|>" + final,
        "<|start|>assistant<|channel|>analysis<|message|>B fits.<|end|>" + final + "<|return|>",
        "<|channel|>analysis<|message|>B fits." + final,
        std::string("<|channel|>analysis<|message|>B fits.<|channel|>final<|message|>The answer is "
                    "(B).<|end|>"),
        "B fits.<|end|>" + final})
    expect_split(text, "B fits.", "The answer is (B).");
  expect_split("<|channel|>final<|message|>Yes.", "", "Yes.");
  expect_split("<|channel|>analysis<|message|>on and on", "on and on", "");
  expect_split(
      "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>analysis"
      "<|message|>b<|end|>" +
          final,
      "a\nb", "The answer is (B).");
  EXPECT_THAT(split_thinking("<|channel|>analysis<|message|>a<|end|>" + final).unknown, IsEmpty());
  // No message: words about it.
  expect_split("Write <|channel|> first.", "", "Write <|channel|> first.");
}

// What is no header as gpt-oss writes it stays in the content.
TEST(SplitThinking, LosesNothingOfOddHeaders) {
  expect_split("<|channel|>analysis of x<|message|>hm<|end|><|channel|>final<|message|>4", "",
               "<|channel|>analysis of x<|message|>hm\n4");
  expect_split("<|start|>user says<|channel|>final<|message|>4", "", "<|start|>user says\n4");
}

TEST(SplitThinking, TakesMarkersOfOnesOwn) {
  const std::vector<ThinkingMarkers> own = {{"<plan>", "</plan>"}, {"<plan>", "<plan end>"}};
  EXPECT_EQ(split_thinking("<plan>a<plan end>b", own).content, "b");
  EXPECT_EQ(split_thinking("<plan>a</plan>b", own).thinking, "a");
  EXPECT_EQ(split_thinking("<think>a</think>b", own).thinking, "");
}

TEST(SplitThinking, NamesMarkersThatItDoesNotKnow) {
  const auto unknown = [](std::string_view text) { return split_thinking(text).unknown; };
  EXPECT_THAT(unknown("<|channel>plan\nhm<channel|>It is 4."),
              ElementsAre("<|channel>plan", "<channel|>"));
  expect_split("<|channel>plan\nhm<channel|>It is 4.", "", "<|channel>plan\nhm<channel|>It is 4.");
  EXPECT_THAT(unknown("<|channel|>musing<|message|>hm<|end|><|channel|>final<|message|>4"),
              ElementsAre("<|channel|>musing", "<|message|>"));
  EXPECT_THAT(unknown("<|im_start|>assistant 4 <|im_start|>"), ElementsAre("<|im_start|>"));
  EXPECT_THAT(unknown("<b>4</b> <| f |> x <|> a<b|c>"), IsEmpty());
  // Another spelling, and an end too many.
  EXPECT_THAT(unknown("<THINK>hm</THINK>4"), ElementsAre("<THINK>"));
  EXPECT_THAT(unknown("\n< think >hm</ think >4"), ElementsAre("< think >"));
  EXPECT_THAT(unknown("[reasoning]hm[/reasoning]4"), ElementsAre("[reasoning]"));
  EXPECT_THAT(unknown("<think>a<think>b</think>c</think>4"), ElementsAre("</think>"));
  EXPECT_THAT(unknown("I think [that] is 4. <p>think</p>"), IsEmpty());
}

TEST(SplitThinking, NeedsNoMarkers) {
  EXPECT_EQ(split_thinking("<think>a</think>b", {}).content, "<think>a</think>b");
}

}  // namespace
}  // namespace coe
