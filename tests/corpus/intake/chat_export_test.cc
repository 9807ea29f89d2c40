// Exports of chat programs, in the forms that they have, and broken ones.
#include "coe/corpus/chat_export.h"

#include "coe/base/result.h"
#include "coe/corpus/record_chat.h"

#include "support/expect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using testing::value_of;

// "user: words" of each turn.
std::vector<std::string> words_in(const RecordChat& chat) {
  std::vector<std::string> out;
  for (const auto& turn : chat.turns) out.push_back(turn.role + ": " + turn.content);
  return out;
}

// A node of ChatGPT's tree. `more` are further members of the message.
std::string node(const std::string& id, const std::string& parent, const std::string& role,
                 const std::string& content, const std::string& more = "") {
  return fmt::format(
      R"("{0}": {{"id": "{0}", "parent": "{1}", "children": [], "message": {{"author": {{"role": "{2}"}}, "content": {3}{4}}}}})",
      id, parent, role, content, more);
}

std::string says(const std::string& words) {
  return fmt::format(R"({{"content_type": "text", "parts": ["{}"]}})", words);
}

std::string tree(const std::string& current, const std::vector<std::string>& nodes) {
  return fmt::format(
      R"({{"title": "t", "current_node": "{}", "mapping": {{"root": {{"id": "root", "message": null, "parent": null, "children": []}}, {}}}}})",
      current, fmt::join(nodes, ", "));
}

Result<RecordChat> chatgpt(const std::string& json) { return chat_of_messages(json, "mapping"); }
Result<RecordChat> claude(const std::string& json) {
  return chat_of_messages(json, "chat_messages");
}

TEST(ChatGptExport, FollowsTheBranchThatWasOnTheScreen) {
  const auto chat = value_of(chatgpt(tree("b2", {
                                                    node("q", "root", "user", says("Why?")),
                                                    node("b1", "q", "assistant", says("No idea.")),
                                                    node("b2", "q", "assistant", says("So.")),
                                                })));
  EXPECT_THAT(words_in(chat), ElementsAre("user: Why?", "assistant: So."));
  EXPECT_THAT(chat.left_out, ElementsAre(Pair("messages of other branches", 1U)));
}

TEST(ChatGptExport, TakesWhatIsSaidAndCountsTheRest) {
  const auto chat = value_of(chatgpt(tree(
      "9",
      {
          node("1", "root", "system", says("")),
          node("2", "1", "user",
               R"({"content_type": "user_editable_context", "user_profile": "me"})",
               R"(, "metadata": {"is_visually_hidden_from_conversation": true})"),
          node(
              "3", "2", "user",
              R"({"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}, "What is it?"]})"),
          node("4", "3", "assistant",
               R"({"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "c"}]})"),
          node("5", "4", "assistant",
               R"({"content_type": "code", "language": "python", "text": "1 + 1"})",
               R"(, "recipient": "python")"),
          node("6", "5", "tool", R"({"content_type": "execution_output", "text": "2"})"),
          node("7", "6", "assistant", says("A cat."), R"(, "recipient": "all")"),
          node("8", "7", "assistant",
               R"({"content_type": "reasoning_recap", "content": "Thought for 8s"})"),
          node("9", "8", "assistant", says("Surely\\ue200cite\\ue202turn0\\ue201.")),
      })));
  // Words of one speaker, between which tools worked, are one turn.
  EXPECT_THAT(words_in(chat), ElementsAre("user: What is it?", "assistant: A cat.\n\nSurely."));
  EXPECT_THAT(chat.left_out,
              UnorderedElementsAre(Pair("hidden messages", 1U), Pair("attachments", 1U),
                                   Pair("thoughts", 2U), Pair("tool messages", 2U)));
}

TEST(ChatGptExport, BrokenTreesAreErrors) {
  expect_error(chatgpt(tree("a", {node("a", "b", "user", says("x")),
                                  node("b", "a", "assistant", says("y"))})),
               Code::kCorrupt, "its messages go in a circle at `a`");
  expect_error(chatgpt(tree("self", {node("self", "self", "user", says("x"))})), Code::kCorrupt,
               "circle at `self`");
  expect_error(chatgpt(R"({"mapping": {"a": {"message": null}}})"), Code::kCorrupt,
               "no `current_node`");
  // Nobody says anything: no fault of the file.
  for (const char* empty : {R"({"mapping": {}})", R"({"mapping": {}, "current_node": "x"})",
                            R"({"mapping": {"a": 7}, "current_node": "a"})"})
    expect_error(chatgpt(empty), Code::kNotFound, "nobody says anything");
}

TEST(ClaudeExport, TakesTextBlocksInOrder) {
  const auto chat = value_of(claude(R"({"uuid": "u", "name": "n", "chat_messages": [
    {"uuid": "1", "sender": "human", "text": "Hi", "content": [{"type": "text", "text": "Hi"}],
     "attachments": [{"file_name": "a.txt", "extracted_content": "long"}], "files": []},
    {"uuid": "2", "sender": "assistant", "text": "x", "content": [
      {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Wait."},
      {"type": "tool_use", "name": "repl", "input": {}}, {"type": "tool_result", "content": []},
      {"type": "text", "text": "Hello!"}]},
    {"uuid": "3", "sender": "human", "text": "Bye", "content": []}]})"));
  EXPECT_THAT(words_in(chat), ElementsAre("user: Hi", "assistant: Wait.\n\nHello!", "user: Bye"));
  EXPECT_THAT(chat.left_out, UnorderedElementsAre(Pair("attachments", 1U), Pair("thoughts", 1U),
                                                  Pair("tool messages", 2U)));
}

TEST(ClaudeExport, FollowsTheLastBranchWhereThereAreSeveral) {
  const auto message = [](const char* id, const char* parent, const char* sender,
                          const char* text) {
    return fmt::format(
        R"({{"uuid": "{}", "parent_message_uuid": "{}", "sender": "{}", "text": "{}"}})", id,
        parent, sender, text);
  };
  const std::string messages =
      fmt::format("[{}, {}, {}, {}, {}]",
                  message("1", "00000000-0000-4000-8000-000000000000", "human", "first"),
                  message("2", "1", "assistant", "answer"), message("3", "2", "human", "more"),
                  message("4", "00000000-0000-4000-8000-000000000000", "human", "first, edited"),
                  message("5", "4", "assistant", "other answer"));
  EXPECT_THAT(words_in(value_of(claude(R"({"chat_messages": )" + messages + "}"))),
              ElementsAre("user: first, edited", "assistant: other answer"));
  const auto chosen =
      value_of(claude(R"({"current_leaf_message_uuid": "3", "chat_messages": )" + messages + "}"));
  EXPECT_THAT(words_in(chosen), ElementsAre("user: first", "assistant: answer", "user: more"));
  EXPECT_THAT(chosen.left_out, ElementsAre(Pair("messages of other branches", 2U)));
  expect_error(claude("{\"chat_messages\": [" + message("1", "1", "human", "x") + "]}"),
               Code::kCorrupt, "circle");
  expect_error(claude(R"({"chat_messages": []})"), Code::kNotFound, "nobody says anything");
  expect_error(claude(R"({"chat_messages": 7})"), Code::kCorrupt, "is no list");
}

}  // namespace
}  // namespace coe
