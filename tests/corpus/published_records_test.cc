// Records as others publish them: JSON arrays, MMLU-Pro, lists of messages.
#include "coe/base/result.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/mmlu_pro.h"
#include "coe/corpus/record_chat.h"
#include "coe/corpus/record_reader.h"
#include "coe/corpus/regex.h"
#include "coe/corpus/spec.h"
#include "coe/corpus/text_spec.h"

#include "support/expect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using testing::expect_ok;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::value_of;

// "line:text" of each record.
std::vector<std::string> read_all(std::string_view bytes) {
  RecordReader reader(bytes);
  std::vector<std::string> out;
  while (true) {
    const auto line = value_of(reader.next());
    if (!line) return out;
    out.push_back(fmt::format("{}:{}", line->number, line->text));
  }
}

TEST(RecordReader, ReadsLinesAndArraysAlike) {
  EXPECT_THAT(read_all("{\"a\":1}\n\n{\"a\":[2]}\r\n"),
              ElementsAre("1:{\"a\":1}", "3:{\"a\":[2]}"));
  EXPECT_THAT(read_all("[{\"a\":1},{\"a\":[2]}]"), ElementsAre("1:{\"a\":1}", "1:{\"a\":[2]}"));
  EXPECT_THAT(read_all("\xef\xbb\xbf \n[\n {\"a\":\n 1},\n\n {\"b\":\"]}\\\"{\"} ]\n"),
              ElementsAre("3:{\"a\":\n 1}", "6:{\"b\":\"]}\\\"{\"}"));
  EXPECT_THAT(read_all("[ ]"), IsEmpty());
  // Lists of messages: in an array, or one a line.
  EXPECT_THAT(read_all("[[{\"a\":1}], [2]]"), ElementsAre("1:[{\"a\":1}]", "1:[2]"));
  EXPECT_THAT(read_all("[1]\n[\"]\"]\n"), ElementsAre("1:[1]", "2:[\"]\"]"));
  EXPECT_THAT(read_all(""), IsEmpty());
}

TEST(RecordReader, BrokenArraysNameTheirLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[\n{\"a\":1}\n{\"a\":2}]", "lacks `,` or `]`"},
      {"[\n{\"a\":1},\n", "no object"},
      {"[\n{\"a\":1},\n3]", "no object"},
      {"[\n{\"a\":1},\n{\"a\":", "never ends"},
      {"[\n{\"a\":1}\n", "lacks `,` or `]`"},
      {"[\n{\"a\":1}\n] x", "text after the array"},
  };
  for (const auto& [bytes, message] : cases) {
    RecordReader reader(bytes);
    value_of(reader.next());
    expect_error(reader.next(), Code::kCorrupt, message);
    EXPECT_EQ(reader.line(), 3U) << bytes;
  }
}

std::string question_json(const std::string& changes = "") {
  return R"({"question_id": 70, "question": "Which?", "options": ["one", "two", "three", "N/A"],)"
         R"( "answer": "B", "answer_index": 1, "cot_content": "A: Let's think. The answer is (B).",)"
         R"( "category": "math", "src": "stemez")" +
         changes + "}";
}

TEST(MmluPro, ReadsAQuestionAsPublished) {
  const auto question = value_of(parse_mmlu_pro(question_json()));
  EXPECT_EQ(question.id, 70);
  EXPECT_EQ(question.question, "Which?");
  EXPECT_THAT(question.options, ElementsAre("one", "two", "three"));
  EXPECT_EQ(question.answer, 1U);
  EXPECT_EQ(option_letter(question.answer), 'B');
  EXPECT_EQ(question.reasoning, "Let's think. The answer is (B).");
  EXPECT_EQ(question.category, "math");
  EXPECT_EQ(question.source, "stemez");
  EXPECT_EQ(lettered_options(question), "A. one\nB. two\nC. three");
}

TEST(MmluPro, RefusesWhatIsNoSuchQuestion) {
  // The last member of a name counts, so that a case needs only its own.
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"(, "question_id": "70")", "`question_id` must be a whole number"},
      {R"(, "question": 3)", "`question` must be a string"},
      {R"(, "question": "")", "`question` is empty"},
      {R"(, "options": "one")", "`options` must be a list"},
      {R"(, "options": ["one", 2])", "`options` must be a list"},
      {R"(, "options": ["one", "N/A"])", "`options` has 1 options"},
      {R"(, "answer_index": 3)", "`answer_index` is 3 of 3 options"},
      {R"(, "answer_index": -1)", "`answer_index` is -1"},
      {R"(, "answer": "C")", "`answer` is `C`, but answer_index 1 is B"},
      {R"(, "category": "")", "`category` is empty"},
      {R"(, "src": null)", "`src` must be a string"},
      {R"(, "cot_content": null)", "`cot_content` must be a string"},
  };
  for (const auto& [changes, message] : cases)
    expect_error(parse_mmlu_pro(question_json(changes)), Code::kCorrupt, message);
  const auto missing = parse_mmlu_pro(R"({"question": "Which?"})");
  expect_error(missing, Code::kCorrupt, "`question_id` is missing");
  EXPECT_THAT(missing.error().hint, HasSubstr("jsonl"));
  expect_error(parse_mmlu_pro("[1]"), Code::kCorrupt, "not an object");
  expect_error(parse_mmlu_pro("{\"a\":"), Code::kCorrupt, "not valid JSON");
}

std::vector<std::string> spoken(const RecordChat& chat) {
  std::vector<std::string> out;
  for (const auto& turn : chat.turns) {
    out.push_back(turn.role + ": " + (turn.thinking.empty() ? "" : "(" + turn.thinking + ") ") +
                  turn.content);
    for (const auto& call : turn.tool_calls)
      out.back() += fmt::format("{}({}){}", call.name, call.arguments, call.id);
    if (turn.role == "tool")
      out.back() += fmt::format(" [{}{}]", turn.tool_name, turn.tool_call_id);
  }
  return out;
}

std::vector<std::string> spoken_in(const std::string& list) {
  return spoken(value_of(chat_of_messages(R"({"messages": )" + list + "}", "messages")));
}

TEST(ChatRecord, ReadsListsOfMessages) {
  EXPECT_THAT(spoken(value_of(chat_of_messages(
                  R"({"messages": [{"role": "system", "content": "Be brief."},
                      {"role": "user", "content": "Why?"},
                      {"role": "assistant", "content": "So.", "reasoning_content": "hm"}]})",
                  "messages"))),
              ElementsAre("system: Be brief.", "user: Why?", "assistant: (hm) So."));
  EXPECT_THAT(spoken(value_of(chat_of_messages(
                  R"({"conversations": [{"from": "human", "value": "Why?"},
                      {"from": "gpt", "value": "So."}, {"from": "human", "value": "And?"}]})",
                  "conversations"))),
              ElementsAre("user: Why?", "assistant: So.", "user: And?"));
}

TEST(ChatRecord, ReadsContentsAsParts) {
  EXPECT_THAT(spoken_in(R"([{"role": "user", "content": [{"type": "text", "text": "Why"},
                             {"type": "text", "text": "so?"}]},
                            {"role": "assistant", "content": ["So."]}])"),
              ElementsAre("user: Why\nso?", "assistant: So."));
  EXPECT_THAT(spoken_in(R"([{"role": "user", "content": "Why?"}, {"role": "assistant", "content":
                            [{"type": "thinking", "thinking": "hm"}, {"text": "So."}]}])"),
              ElementsAre("user: Why?", "assistant: (hm) So."));
}

TEST(ChatRecord, ReadsCallsOfTools) {
  EXPECT_THAT(
      spoken_in(R"([{"role": "user", "content": "1+2?"}, {"role": "assistant", "content": null,
                     "tool_calls": [{"id": "c1", "type": "function",
                       "function": {"name": "add", "arguments": "{\"a\": 1}"}}]},
                    {"role": "tool", "tool_call_id": "c1", "content": "3"},
                    {"role": "assistant", "content": "3."}])"),
      ElementsAre("user: 1+2?", "assistant: add({\"a\": 1})c1", "tool: 3 [c1]", "assistant: 3."));
  // The form of ShareGPT sets: the call is the words of a speaker of its own.
  EXPECT_THAT(spoken_in(R"([{"from": "human", "value": "1+2?"},
                    {"from": "function_call", "value": "{\"name\": \"add\", \"arguments\": {\"a\":1}}"},
                    {"from": "observation", "value": ""}, {"from": "gpt", "value": "3."}])"),
              ElementsAre("user: 1+2?", "assistant: add({\"a\":1})", "tool:  []", "assistant: 3."));
}

TEST(ChatRecord, ReadsRolesInAnyCaseAndByOtherNames) {
  EXPECT_THAT(spoken_in(R"([{"role": "developer", "content": "Be brief."},
                            {"role": "User", "content": "Why?"},
                            {"role": "ASSISTANT", "content": "So."}])"),
              ElementsAre("system: Be brief.", "user: Why?", "assistant: So."));
}

TEST(ChatRecord, ReadsListsWhereverTheyAreKept) {
  const std::string list = R"([{"role": "user", "content": "Why?"}])";
  EXPECT_THAT(spoken_in(nlohmann::json(list).dump()), ElementsAre("user: Why?"));  // in a string
  EXPECT_THAT(spoken(value_of(chat_of_messages(list, "messages"))), ElementsAre("user: Why?"));
  EXPECT_THAT(spoken(value_of(chat_of_messages(
                  R"({"system": "Be brief.", "messages": )" + list + "}", "messages"))),
              ElementsAre("system: Be brief.", "user: Why?"));
  const std::string both =
      R"({"system": "A.", "m": [{"role": "system", "content": "B."}, )" + list.substr(1) + "}";
  expect_error(chat_of_messages(both, "m"), Code::kCorrupt, "are different words");
}

TEST(ChatRecord, ReadsThinkingByItsNames) {
  for (const char* field : {"reasoning", "reasoning_content", "thinking"})
    EXPECT_THAT(spoken_in(fmt::format(R"([{{"role": "user", "content": "Why?"}},
                                         {{"role": "assistant", "content": "So.", "{}": "hm"}}])",
                                      field)),
                ElementsAre("user: Why?", "assistant: (hm) So."));
  const auto doubtful = value_of(chat_of_messages(
      R"({"m": [{"role": "user", "content": "x"},
                {"role": "assistant", "content": "y", "thoughts": "hm"}]})",
      "m"));
  EXPECT_THAT(doubtful.unknown_thinking, HasSubstr("the field `thoughts`"));
}

TEST(ChatRecord, ReadsDetailsOfThinkingAsServersSendThem) {
  const auto chat = [](std::string_view fields) {
    return value_of(chat_of_messages(
        fmt::format(
            R"({{"m": [{{"role": "user", "content": "Why?"}}, {{"role": "assistant", {}}}]}})",
            fields),
        "m"));
  };
  const auto read =
      chat(R"("content": "So.", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}])");
  EXPECT_THAT(spoken(read), ElementsAre("user: Why?", "assistant: (hm) So."));
  EXPECT_EQ(read.unknown_thinking, "");
  const auto sealed = chat(
      R"("content": "So.", "reasoning_details": [{"type": "reasoning.encrypted", "data": "A"}])");
  EXPECT_THAT(spoken(sealed), ElementsAre("user: Why?", "assistant: So."));
  EXPECT_EQ(sealed.unknown_thinking,
            "encrypted thinking in `reasoning_details`, which is left out");
  EXPECT_THAT(chat(R"("content": "So.", "reasoning": {"effort": "low"})").unknown_thinking,
              HasSubstr("`reasoning` is object, not a string, which is left out"));
  EXPECT_THAT(spoken(chat(R"("content": null, "refusal": "No.")")),
              ElementsAre("user: Why?", "assistant: No."));
  EXPECT_THAT(spoken(chat(R"("content": [{"type": "refusal", "refusal": "No."}])")),
              ElementsAre("user: Why?", "assistant: No."));
  // A label of a set, and no words.
  EXPECT_THAT(spoken(chat(R"("content": "So.", "refusal": false)")),
              ElementsAre("user: Why?", "assistant: So."));
}

TEST(ChatRecord, KnowsDeclarationsOfTools) {
  const auto field = [](std::string_view beside, std::string_view within) {
    return value_of(
               chat_of_messages(fmt::format(R"({{"m": [{{"role": "user", "content": "x"{}}}]{}}})",
                                            within, beside),
                                "m"))
        .tools;
  };
  EXPECT_EQ(field(R"(, "tools": [{"type": "function"}])", ""), "tools");
  EXPECT_EQ(field(R"(, "functions": {"name": "f"})", ""), "functions");
  EXPECT_EQ(field(R"(, "tools": "[{\"name\": \"f\"}]")", ""), "tools");
  EXPECT_EQ(field("", R"(, "tools": [1])"), "tools");
  for (const auto* none : {"[]", "{}", "null", R"("")", R"("[]")", R"(" [ ] ")", R"("none")", "1"})
    EXPECT_EQ(field(fmt::format(R"(, "tools": {})", none), ""), "") << none;
}

TEST(ChatRecord, PartsThinkingFromTheWords) {
  ModelHooks model;
  model.split_thinking = [](std::string_view words) -> Result<ThinkingParts> {
    const std::size_t bar = words.find('|');
    if (bar == std::string_view::npos) return ThinkingParts{"", std::string(words)};
    return ThinkingParts{std::string(words.substr(0, bar)), std::string(words.substr(bar + 1))};
  };
  RecordChat chat{{{"user", "a|b"},
                   {"assistant", "hm|So.", "first"},
                   {"user", "c"},
                   {"assistant", "<reasoning>x</reasoning>y"}}};
  expect_ok(part_thinking(model, false, chat));
  EXPECT_THAT(spoken(chat), ElementsAre("user: a|b", "assistant: (first\nhm) So.", "user: c",
                                        "assistant: <reasoning>x</reasoning>y"));
  EXPECT_THAT(chat.unknown_thinking, HasSubstr("`<reasoning>`"));
  RecordChat cut{{{"user", "a"}, {"assistant", "hm|"}}};
  expect_error(part_thinking(model, true, cut), Code::kCorrupt, "thinks, but does not answer");
}

// Errors say what is there, not only that something is not.
TEST(ChatRecord, RefusesWhatIsNoChat) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"("x")", "no list of messages"},
      {R"([])", "no words of a user"},
      {R"([{"role": "system", "content": "s"}])", "no words of a user"},
      {R"({"a": 1})", "no list of messages"},
      {R"([3])", "message 1: it is a number, not an object"},
      {R"([[{"role": "user", "content": "x"}]])", "message 1: it is a list, not an object"},
      {R"([{"speaker": "user"}])",
       "message 1: it has neither `role` nor `from` (there are: speaker)"},
      {R"([{"role": 1}])", "message 1: its role is a number"},
      {R"([{"role": "user", "words": "x"}])",
       "message 1: it has neither `content` nor `value` (there are: role, words)"},
      {R"([{"role": "user", "content": null}])", "message 1: its content is null"},
      {R"([{"role": "user", "content": {"parts": []}}])", "message 1: its content is an object"},
      {R"([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}])",
       "message 1: part 1 of its content is of the type `image_url`"},
      {R"([{"role": "user", "content": ""}])", "message 1: it is empty"},
      {R"([{"role": "user", "content": " \n"}])", "message 1: it is empty"},
      {R"([{"role": "tool", "content": "x"}])", "no call of one stands before"},
      {R"([{"role": "user", "content": "x"}, {"role": "function_call", "content": "x"}])",
       "its content is no JSON of a call"},
      {R"([{"role": "user", "content": "x"}, {"role": "assistant", "content": null,
          "tool_calls": [{"id": "1"}]}])",
       "message 2: a call of a tool has no `name` (there are: id)"},
      {R"([{"role": "narrator", "content": "x"}])", "unknown role `narrator`"},
      {R"([{"role": "assistant", "content": "x"}])", "answers nobody"},
      {R"([{"role": "user", "content": "x"}, {"role": "user", "content": "y"}])",
       "message 2: two turns of the user"},
      {R"([{"role": "user", "content": "x"}, {"role": "system", "content": "y"}])",
       "message 2: system words must come first"},
  };
  for (const auto& [list, message] : cases)
    expect_error(chat_of_messages(R"({"messages": )" + list + "}", "messages"), Code::kCorrupt,
                 message);
  expect_error(chat_of_messages("{}", "messages"), Code::kCorrupt, "`messages`");
  expect_error(chat_of_messages("{", "messages"), Code::kCorrupt, "not valid JSON");
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  expect_error(chat_of_messages("{\"messages\":" + deep + "}", "messages"), Code::kCorrupt,
               "more than 256 levels of brackets");
  expect_error(chat_of_messages("{\"messages\":\"" + deep + "\"}", "messages"), Code::kCorrupt,
               "holds no list of messages");
}

TEST(ChatRecord, TakesTurnsFromFields) {
  ChatSpec spec;
  spec.system = value_of(TextSpec::parse("s"));
  spec.user = value_of(TextSpec::parse("{q}?"));
  spec.assistant = value_of(TextSpec::parse("a"));
  spec.thinking = value_of(TextSpec::parse("t"));
  const auto chat = [&](const char* json) {
    return chat_of_fields(spec, value_of(parse_json_line(json)));
  };
  EXPECT_THAT(spoken(value_of(chat(R"({"s":"Be.","q":"Why","a":"So","t":"hm"})"))),
              ElementsAre("system: Be.", "user: Why?", "assistant: (hm) So"));
  EXPECT_THAT(spoken(value_of(chat(R"({"q":"Why","a":"So","t":null,"s":""})"))),
              ElementsAre("user: Why?", "assistant: So"));
  expect_error(chat(R"({"q":"Why"})"), Code::kNotFound, "no field `a`");
  expect_error(chat(R"({"q":"Why","a":""})"), Code::kCorrupt, "the assistant says is empty");
  expect_error(chat(R"({"q":"Why","a":"So","t":3})"), Code::kCorrupt, "`t` is a number");
}

TEST(Regex, IsLinearAndSaysWhatIsWrong) {
  EXPECT_TRUE(value_of(Regex::compile("(?i)^lorem")).found_in("Lorem ipsum"));
  EXPECT_FALSE(value_of(Regex::compile("^ipsum$")).found_in("Lorem ipsum"));
  // Exponential for a backtracking matcher.
  EXPECT_FALSE(value_of(Regex::compile("(a*)*b")).found_in(std::string(100'000, 'a')));
  expect_error(Regex::compile("(unclosed"), Code::kInvalidArgument, "(unclosed");
  expect_error(Regex::compile(R"((a)\1)"), Code::kInvalidArgument, "invalid escape");
}

}  // namespace
}  // namespace coe
