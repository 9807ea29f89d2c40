#include "coe/corpus/message/message_text.h"

#include "support/expect.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::value_of;

void expect_text(std::string_view message, std::string_view thinking, std::string_view content) {
  const auto text = value_of(read_message_text(nlohmann::json::parse(message)));
  EXPECT_EQ(text.thinking, thinking) << message;
  EXPECT_EQ(text.content, content) << message;
}

TEST(MessageText, ReadsEveryNameOfThinking) {
  for (const std::string name : {"reasoning_content", "reasoning", "thinking"})
    expect_text(R"({"role":"assistant","content":"4",")" + name + R"(":"hm"})", "hm", "4");
  // Two of them say the same.
  expect_text(R"({"content":"4","reasoning":"hm","reasoning_content":"hm"})", "hm", "4");
  expect_text(R"({"content":"4","reasoning":"hm","reasoning_content":""})", "hm", "4");
}

TEST(MessageText, ReadsWhatIsMissingAsEmpty) {
  expect_text("{}", "", "");
  expect_text(R"({"content":null,"reasoning":null})", "", "");
}

TEST(MessageText, ReadsListsOfParts) {
  expect_text(R"({"content":[{"type":"text","text":"It is "},{"type":"text","text":"4."}]})", "",
              "It is 4.");
  expect_text(R"({"content":["It is ",{"text":"4."},null]})", "", "It is 4.");
  // As Mistral's servers send it.
  expect_text(R"({"content":[{"type":"thinking","thinking":[{"type":"text","text":"h"},
                  {"type":"text","text":"m"}]},{"type":"text","text":"4"}]})",
              "hm", "4");
  expect_text(R"({"content":[{"type":"reasoning","text":"hm"},{"type":"output_text","text":"4"}]})",
              "hm", "4");
  expect_text(R"({"content":"4","reasoning":[{"type":"text","text":"hm"}]})", "hm", "4");
}

TEST(MessageText, ReadsOpenRoutersDetails) {
  expect_text(R"({"content":"4","reasoning_details":[{"type":"reasoning.summary","summary":"h"},
                  {"type":"reasoning.text","text":"m","signature":null,"index":1}]})",
              "hm", "4");
  // They say what `reasoning` says, which is read once.
  expect_text(R"({"reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm"}]})",
              "hm", "");
  // A piece of a stream that brings a signature alone.
  expect_text(
      R"({"reasoning":null,"reasoning_details":[{"type":"reasoning.text","signature":"x"}]})", "",
      "");
  const auto unread = [](std::string_view details) {
    return value_of(read_message_text(nlohmann::json::parse(
                        R"({"content":"4","reasoning_details":)" + std::string(details) + "}")))
        .unread;
  };
  EXPECT_EQ(unread(R"([{"type":"reasoning.encrypted","data":"AAA="}])"),
            "encrypted thinking in `reasoning_details`");
  EXPECT_EQ(unread(R"([{"type":"reasoning.picture","text":"x"}])"),
            "a part of `reasoning_details` of the type `reasoning.picture`");
  EXPECT_EQ(unread(R"([{"text":"x"}])"), "a part of `reasoning_details` without a type");
  EXPECT_EQ(unread(R"([{"type":"reasoning.text","text":"hm"}])"), "");
}

TEST(MessageText, ReadsARefusalAsWhatTheModelSays) {
  expect_text(R"({"content":null,"refusal":"I cannot help."})", "", "I cannot help.");
  expect_text(R"({"content":"","refusal":"I cannot help.","reasoning":"hm"})", "hm",
              "I cannot help.");
  expect_text(R"({"content":"Well.","refusal":"No."})", "", "Well.\nNo.");
  expect_text(R"({"content":"4","refusal":null})", "", "4");
  expect_text(R"({"content":"4","refusal":""})", "", "4");
  expect_text(R"({"content":[{"type":"refusal","refusal":"No."}]})", "", "No.");
}

TEST(SplitMessage, FindsThinkingWhereverItIs) {
  const auto split = [](const std::string& thinking, const std::string& content) {
    const auto parts = split_message({thinking, content});
    return parts.thinking + "|" + parts.content;
  };
  EXPECT_EQ(split("", "<think>hm</think>4"), "hm|4");
  EXPECT_EQ(split(" hm\n", "4 "), "hm|4");
  EXPECT_EQ(split("hm", "write <think>x</think>"), "hm|write <think>x</think>");
  EXPECT_EQ(split("\n", "<|channel>thought\nhm<channel|>4"), "hm|4");
}

TEST(MessageText, SaysWhatItCannotRead) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"7", "a message is number, not an object"},
      {R"({"content":7})", "`content` is number, not a string"},
      {R"({"content":{"text":"x"}})", "`content` is object, not a string"},
      {R"({"content":[7]})", "a part of `content` is number, not text"},
      {R"({"content":[{"type":"text"}]})", "a part of `content` has no text"},
      {R"({"content":[{"type":"image_url","image_url":{}}]})", "is of type `image_url`"},
      {R"({"reasoning_content":1})", "`reasoning_content` is number"},
      {R"({"reasoning_details":"hm"})", "`reasoning_details` is string, not a list"},
      {R"({"reasoning_details":["hm"]})", "a part of `reasoning_details` is string, not an object"},
      {R"({"reasoning_details":[{"type":"reasoning.text","text":1}]})", "is number, not a string"},
      {R"({"refusal":true})", "`refusal` is boolean, not a string"},
      {R"({"content":[{"type":"refusal"}]})", "a part of `content` has no text"},
  };
  for (const auto& [message, part] : cases)
    expect_error(read_message_text(nlohmann::json::parse(message)), Code::kCorrupt, part);
}

}  // namespace
}  // namespace coe
