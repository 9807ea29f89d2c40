// Records that cannot be used are left out and counted, unless they are too many.
#include "coe/corpus/bad_records.h"

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/build.h"
#include "coe/corpus/hooks.h"

#include "corpus/build_fixture.h"
#include "support/expect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::CorpusBuild;
using ::testing::ElementsAre;
using testing::expect_error;
using ::testing::HasSubstr;
using testing::jsonl_head;
using testing::value_of;

TEST(BadLimit, ReadsSharesAndCounts) {
  EXPECT_EQ(value_of(BadLimit::parse("2%")).allowed(1000), 20U);
  EXPECT_EQ(value_of(BadLimit::parse("0.5 %")).allowed(1000), 5U);
  EXPECT_EQ(value_of(BadLimit::parse("7")).allowed(1000), 7U);
  EXPECT_EQ(value_of(BadLimit::parse("0")).allowed(1000), 0U);
  EXPECT_EQ(value_of(BadLimit::parse("0%")).allowed(1000), 0U);
  EXPECT_EQ(value_of(BadLimit::parse("100%")).allowed(10), 10U);
  for (const char* text : {"", "%", "-1", "101%", "1.5", "few", "nan%", "5 % "})
    expect_error(BadLimit::parse(text), Code::kInvalidArgument, "neither a share nor a number");
}

TEST(BadLimit, AllowsOneOfFewButNeverAll) {
  const BadLimit usual;
  EXPECT_EQ(usual.allowed(0), 0U);
  EXPECT_EQ(usual.allowed(1), 0U);
  EXPECT_EQ(usual.allowed(2), 1U);
  EXPECT_EQ(usual.allowed(199), 1U);
  EXPECT_EQ(usual.allowed(200), 2U);
}

TEST(BadRecords, CountsByReasonWithTheFirstPlace) {
  BadRecords bad;
  const auto add = [&](const char* message, const char* place) {
    bad.add(Error{Code::kCorrupt, message, ""}, place);
  };
  add("message 3: it is empty", "a:1");
  add("no turns", "a:2");
  add("message 12: it is empty", "a:3");
  BadRecords others;
  others.add(bad);
  others.add(bad);
  const auto reasons = others.reasons();
  ASSERT_EQ(reasons.size(), 2U);
  EXPECT_EQ(others.n(), 6U);
  EXPECT_EQ(reasons[0].reason, "message 3: it is empty");
  EXPECT_EQ(reasons[0].n, 4U);
  EXPECT_EQ(reasons[0].first, "a:1");
  EXPECT_EQ(reasons[1].n, 2U);
}

TEST(BadRecords, KeepsOnlySoManyReasons) {
  BadRecords bad;
  for (char a = 'a'; a <= 'z'; ++a)
    for (char b = 'a'; b <= 'z'; ++b)
      bad.add(Error{Code::kCorrupt, std::string{a, b}, ""}, std::string{a, b});
  std::uint64_t n = 0;
  for (const auto& reason : bad.reasons()) n += reason.n;
  EXPECT_EQ(n, 26U * 26U);
  EXPECT_LE(bad.reasons().size(), 21U);
  EXPECT_EQ(bad.reasons().front().reason, "other reasons");
}

std::string turn(std::string_view from, std::string_view value) {
  return fmt::format(R"({{"from":"{}","value":"{}"}})", from, value);
}

class BadChats : public CorpusBuild {
 protected:
  BadChats() {
    model_.count_tokens = [](std::string_view) -> Result<std::uint64_t> { return 1; };
    model_.render_chat = [](std::span<const ChatTurn> turns) -> Result<std::string> {
      if (turns.front().content == "refused")
        return fail(Code::kCorrupt, "the model's chat template: it says no");
      return turns.front().content;
    };
  }

  // Twelve good chats, and `bad` as the seventh line.
  void write_chats(std::string_view bad) {
    std::string lines;
    for (int i = 0; i < 12; ++i) {
      if (i == 6) lines += fmt::format("{}\n", bad);
      lines += chat(turn("human", fmt::format("Question {}?", i)) + "," + turn("gpt", "So."));
    }
    write("in/a.jsonl", lines);
  }
  static std::string chat(std::string_view turns) {
    return fmt::format(R"({{"conversations":[{}]}})", turns) + "\n";
  }
  static std::string spec(std::string_view keys = "") {
    return jsonl_head() + "chat = { messages = \"conversations\" }\n" + std::string(keys);
  }
};

TEST_F(BadChats, OneDoesNotEndTheBuild) {
  const std::string human = turn("human", "q");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {chat(turn("gpt", "x") + "," + human), "the assistant answers nobody"},
      {chat(human + "," + human), "two turns of the user in a row"},
      {chat(human + "," + turn("gpt", "")), "it is empty"},
      {chat(human + "," + turn("tool", "x")), "no call of one stands before"},
      {chat(human + "," + turn("narrator", "x")), "unknown role `narrator`"},
      {chat(""), "no words of a user"},
      {R"({"conversations":null})", "no list of messages"},
      {R"({"id":1})", "no field `conversations`"},
      {R"({"conversations":[)", "not valid JSON"},
      {chat(turn("human", "refused")), "it says no"},
  };
  for (const auto& [bad, reason] : cases) {
    write_chats(bad.substr(0, bad.find('\n')));
    const auto report = value_of(build(spec()));
    EXPECT_EQ(report.n_record, 12U) << reason;
    EXPECT_EQ(report.domains[0].n_bad, 1U);
    ASSERT_EQ(report.domains[0].bad.size(), 1U);
    EXPECT_THAT(report.domains[0].bad[0].reason, HasSubstr(reason));
    EXPECT_EQ(report.domains[0].bad[0].first, "in/a.jsonl:7");
    const auto manifest =
        nlohmann::json::parse(value_of(read_text(dir_ / "out.jsonl.manifest.json")));
    EXPECT_EQ(manifest.at("domains")[0].at("n_bad"), 1);
    EXPECT_EQ(manifest.at("domains")[0].at("bad")[0].at("first"), "in/a.jsonl:7");
  }
}

TEST_F(BadChats, TooManyAreAnErrorThatNamesTheFlag) {
  write_chats(chat("") + chat(turn("gpt", "x")));
  const auto result = build(spec());
  expect_error(result, Code::kCorrupt,
               "in/a.jsonl:7: field `conversations` has no words of a user; 2 of 14 records are "
               "bad, 1 may be, for 2 reasons");
  EXPECT_THAT(result.error().hint, HasSubstr("--max-bad 2 (in the spec: max_bad)"));
  expect_no_output();
  EXPECT_EQ(value_of(build(spec("max_bad = 2\n"))).n_record, 12U);
  EXPECT_EQ(value_of(build(spec("max_bad = \"15%\"\n"))).n_record, 12U);
  EXPECT_EQ(value_of(build("max_bad = 2\n" + spec())).n_record, 12U);
  expect_error(build("max_bad = 2\n" + spec("max_bad = 1\n")), Code::kCorrupt, "2 of 14");
}

TEST_F(BadChats, TheOptionBeatsTheSpec) {
  write_chats(chat(""));
  write("spec.toml", spec("max_bad = 5\n"));
  CorpusBuildOptions options{dir_ / "spec.toml", dir_ / "out.jsonl", {}, Overwrite::kAllow, model_};
  value_of(build_corpus(options, observer_));
  options.max_bad = value_of(BadLimit::parse("0"));
  expect_error(build_corpus(options, observer_), Code::kCorrupt, "1 of 13 records are bad, 0 may");
}

TEST_F(BadChats, AllBadIsAnErrorOfTheSpec) {
  write("in/a.jsonl", chat("") + chat(""));
  expect_error(build(spec()), Code::kCorrupt, "all 2 records are bad");
  for (const char* value : {"-1", "0.5", "\"many\"", "true"})
    expect_error(build(spec(fmt::format("max_bad = {}\n", value))), Code::kCorrupt,
                 "key `max_bad`");
}

TEST_F(BadChats, WhatHoldsForAllChatsEndsTheBuild) {
  write_chats("");
  model_.render_chat = [](std::span<const ChatTurn>) -> Result<std::string> {
    return fail(Code::kUnsupported, "the model has no chat template");
  };
  expect_error(build(spec()), Code::kUnsupported, "in/a.jsonl:1: the model has no chat template");
}

TEST_F(BadChats, ReadsListsOfLists) {
  write("in/a.jsonl", "[[" + turn("human", "q") + "], [" + turn("human", "r") + "]]");
  value_of(build(spec()));
  EXPECT_THAT(fields("text"), ElementsAre("q", "r"));
  write("in/a.jsonl", "[" + turn("human", "s") + "]\n[" + turn("human", "t") + "]\n");
  value_of(build(spec()));
  EXPECT_THAT(fields("source"), ElementsAre("in/a.jsonl:1", "in/a.jsonl:2"));
}

TEST_F(BadChats, ThinkingCanBeLeftOut) {
  model_.split_thinking = [](std::string_view) -> Result<ThinkingParts> {
    return ThinkingParts{"hm", "So."};
  };
  model_.render_chat = [](std::span<const ChatTurn> turns) -> Result<std::string> {
    return turns.back().thinking + "|" + turns.back().content;
  };
  write("in/a.jsonl", chat(turn("human", "q") + "," + turn("gpt", "x")));
  value_of(build(spec()));
  EXPECT_THAT(fields("text"), ElementsAre("hm|So."));
  const std::string chat_key = "chat = { messages = \"conversations\", drop_thinking = true }\n";
  value_of(build(jsonl_head() + chat_key));
  EXPECT_THAT(fields("text"), ElementsAre("|So."));
  EXPECT_FALSE(records()[0].contains("thinking"));
}

TEST_F(BadChats, UnknownThinkingIsAWarning) {
  write("in/a.jsonl", chat(turn("human", "q") + "," + turn("gpt", "<scratchpad>x</scratchpad>y")));
  value_of(build(spec()));
  EXPECT_THAT(observer_.warnings,
              ElementsAre(HasSubstr("1 chat has `<scratchpad>` at its beginning")));
}

TEST_F(BadChats, DeclarationsOfToolsAreAWarningForEachFile) {
  const std::string turns = turn("human", "q") + "," + turn("gpt", "So.");
  const auto with_tools = [&](const std::string& field) {
    return fmt::format(R"({{"conversations":[{}],"{}":[{{"name":"f"}}]}})", turns, field) + "\n";
  };
  write("in/a.jsonl", chat(turns) + with_tools("tools") + with_tools("tools"));
  write("in/b.jsonl", with_tools("functions") + chat(turns));
  const auto report =
      value_of(build("[[domain]]\nname = \"x\"\nkeep_thin = true\n[[domain.source]]\nkind = "
                     "\"jsonl\"\npath = \"in/*.jsonl\"\n"
                     "chat = { messages = \"conversations\" }\n"));
  EXPECT_GE(report.n_record, 1U);
  EXPECT_THAT(observer_.warnings,
              ElementsAre(HasSubstr("in/a.jsonl:2: the field `tools` declares tools, 2 chats from "
                                    "here on: declarations are not read"),
                          HasSubstr("in/b.jsonl:1: the field `functions` declares tools, here "
                                    "alone")));
}

TEST_F(BadChats, KindsOfUnknownThinkingAreFew) {
  std::string lines;
  for (int i = 0; i < 40; ++i)
    lines +=
        fmt::format(R"({{"conversations":[{},{{"from":"gpt","value":"a{}","thoughts{}":"x"}}]}})",
                    turn("human", fmt::format("q{}", i)), i, i) +
        "\n";
  write("in/a.jsonl", lines);
  value_of(build(spec()));
  EXPECT_LE(observer_.warnings.size(), 17U);
  EXPECT_THAT(observer_.warnings, ::testing::Contains(HasSubstr("24 chats have other thinking")));
}

TEST_F(CorpusBuild, ForeignFilesAndVastSpecsAreNamed) {
  write("in/a.jsonl", "PAR1 and so on");
  expect_error(build(jsonl_head()), Code::kCorrupt, "in/a.jsonl: a Parquet table");
  expect_error(build(std::string((16 << 20) + 1, '#')), Code::kCorrupt,
               "spec.toml: 16.8 MB are no");
}

}  // namespace
}  // namespace coe
