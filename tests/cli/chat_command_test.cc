#include "coe/cli/chat_command.h"

#include "coe/cli/render/chat.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <string>

namespace coe::cli {
namespace {

using coe::testing::expect_error;
using coe::testing::value_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ChatCommand, IsALineWithAStroke) {
  const auto act = [](const char* line) { return value_of(parse_chat_command(line)).act; };
  const auto text = [](const char* line) { return value_of(parse_chat_command(line)).text; };
  EXPECT_EQ(act("hello /think on"), ChatAct::kSay);
  EXPECT_EQ(text("hello\nyou"), "hello\nyou");
  EXPECT_EQ(act("//usr/bin?"), ChatAct::kSay);
  EXPECT_EQ(text("//usr/bin?"), "/usr/bin?");
  EXPECT_EQ(act("/help"), ChatAct::kHelp);
  EXPECT_EQ(act("/vs"), ChatAct::kVs);
  EXPECT_EQ(text("/vs  a b.gguf "), "a b.gguf");
  EXPECT_EQ(act("/mask off"), ChatAct::kMask);
  EXPECT_EQ(text("/think on"), "on");
  EXPECT_EQ(text("/system"), "");
  EXPECT_EQ(text("/system You are\nbrief."), "You are\nbrief.");
  EXPECT_EQ(act("/save a.jsonl"), ChatAct::kSave);
  EXPECT_EQ(act("/clear"), ChatAct::kClear);
  EXPECT_EQ(act("/quit "), ChatAct::kQuit);
}

TEST(ChatCommand, ThatIsNotKnownIsAnError) {
  expect_error(parse_chat_command("/thinking on"), Code::kInvalidArgument, "/thinking: no such");
  expect_error(parse_chat_command("/"), Code::kInvalidArgument, "/: no such");
  expect_error(parse_chat_command("/\x1b[2J"), Code::kInvalidArgument, "no such");
  expect_error(parse_chat_command("/mask"), Code::kInvalidArgument, "needs MASK.json|off");
  expect_error(parse_chat_command("/save \t"), Code::kInvalidArgument, "needs FILE.jsonl");
  expect_error(parse_chat_command("/clear all"), Code::kInvalidArgument, "takes nothing (`all`)");
  EXPECT_THAT(chat_help(), HasSubstr("/mask MASK.json|off"));
}

std::string shown(AnswerPrinter& printer) {
  auto out = printer.take("hm", true);
  out += printer.take("4", false);
  return out + printer.end();
}

TEST(AnswerPrinter, DimsThinkingOnATerminalOnly) {
  ::unsetenv("NO_COLOR");
  AnswerPrinter terminal(true);
  EXPECT_EQ(terminal.take("hm", true), "\x1b[2mhm");
  EXPECT_EQ(terminal.take(" hm", true), " hm");
  EXPECT_EQ(terminal.take("4\x1b", false), "\n\n\x1b[0m4\\x1b");
  EXPECT_EQ(terminal.end(), "\x1b[0m");
  AnswerPrinter pipe(false);
  EXPECT_EQ(shown(pipe), "hm\n\n4");
  ::setenv("NO_COLOR", "1", 1);
  AnswerPrinter plain(true);
  EXPECT_EQ(shown(plain), "hm\n\n4");
  ::unsetenv("NO_COLOR");
}

TEST(TurnNotes, SayWhatAPersonShouldKnow) {
  ChatAnswer answer;
  answer.content = "4";
  EXPECT_THAT(turn_notes(answer, 0, false), IsEmpty());
  answer.thinking = "hm";
  EXPECT_THAT(turn_notes(answer, 0, true), IsEmpty());
  EXPECT_THAT(turn_notes(answer, 1, false),
              ElementsAre(HasSubstr("the oldest exchange was forgotten"),
                          HasSubstr("thinks although thinking is off")));
  answer = {};
  answer.content = " \n";
  EXPECT_THAT(turn_notes(answer, 3, false),
              ElementsAre(HasSubstr("3 exchanges were forgotten"), "the answer is empty"));
  answer.end = AnswerEnd::kLoop;
  answer.n_stray_marker = 2;
  EXPECT_THAT(turn_notes(answer, 0, false),
              ElementsAre(HasSubstr("round in circles"), HasSubstr("2 markers of thinking")));
}

TEST(ChatRecord, IsWhatCorpusBuildReads) {
  const std::array messages = {ChatMessage{"user", "a \"b\""}, ChatMessage{"assistant", "c"}};
  EXPECT_EQ(chat_record(messages),
            "{\"messages\":[{\"role\":\"user\",\"content\":\"a \\\"b\\\"\"},"
            "{\"role\":\"assistant\",\"content\":\"c\"}]}\n");
  EXPECT_EQ(
      chat_title({.name = "M", .n_expert = 128, .n_keep = 64, .mask = "w.json", .n_ctx = 2048}),
      "M, 64 of 128 experts (w.json), context 2048, thinking off");
}

}  // namespace
}  // namespace coe::cli
