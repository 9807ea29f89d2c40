// Single files in all their forms, and the errors.
#include "coe/corpus/intake/take_text.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/utf8.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/hooks.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using testing::expect_ok;
using ::testing::HasSubstr;
using testing::TempDir;
using testing::value_of;

// A template without a place for thinking.
Result<ModelHooks> plain_model() {
  ModelHooks hooks;
  hooks.render_chat = [](std::span<const ChatTurn> turns) -> Result<std::string> {
    std::string out;
    for (const auto& turn : turns) {
      if (!turn.thinking.empty()) return fail(Code::kCorrupt, "no place for thinking");
      out += fmt::format("<{}>{}", turn.role, turn.content);
    }
    return out;
  };
  return hooks;
}

Result<TakenText> take(std::string_view bytes, const std::string& name, bool with_model = true) {
  TakeOptions options;
  if (with_model) options.model = plain_model;
  return take_bytes(bytes, name, options, silent_observer());
}

std::vector<std::string> texts_of_one(const TakenText& text) {
  std::vector<std::string> out;
  for (const auto& record : text.corpus.domains.at(0).records) out.push_back(record.text);
  return out;
}

TEST(TakeText, JsonLinesAreWhatTheyWere) {
  const std::string lines =
      "\xef\xbb\xbf{\"text\":\"a\",\"weight\":2}\r\n\n{\"text\":\"b\",\"domain\":\"own\"}\n"
      "{\"text\":\"c\",\"source\":\"f.js#3\"}\n";
  const auto taken = value_of(take(lines, "data/web.jsonl"));
  const auto parsed = value_of(parse_corpus(lines, "data/web.jsonl", default_text_spec()));
  EXPECT_EQ(taken.corpus.digest, parsed.digest);
  EXPECT_EQ(taken.corpus.domains[1].records[1].where, "data/web.jsonl:4");
  EXPECT_EQ(taken.corpus.domains[1].records[1].piece_of, "f.js");
  EXPECT_EQ(taken.taken.n_record, 3U);
  // The same by another name: its content decides.
  EXPECT_EQ(value_of(take(lines, "data/web.txt")).corpus.digest, parsed.digest);
}

TEST(TakeText, APrettyPrintedObjectIsARecord) {
  EXPECT_THAT(texts_of_one(value_of(take("{\n  \"text\": \"a\"\n}\n", "x.json"))),
              ElementsAre("a"));
  EXPECT_THAT(
      texts_of_one(value_of(take("[\n {\"text\": \"a\"},\n {\"text\": \"b\"}\n]", "x.json"))),
      ElementsAre("a", "b"));
}

TEST(TakeText, PlainTextIsCutAtEndsOfLines) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += std::string(99, static_cast<char>('a' + i % 26)) + "\n";
  const auto taken = value_of(take(text, "docs/notes.txt"));
  const auto& domain = taken.corpus.domains.at(0);
  EXPECT_EQ(domain.name, "notes");
  ASSERT_EQ(domain.records.size(), 3U);
  for (const auto& record : domain.records) {
    EXPECT_EQ(count_chars(record.text), 2000U);
    EXPECT_EQ(record.piece_of, "docs/notes.txt");
  }
  EXPECT_EQ(domain.records[1].where, "docs/notes.txt#2");
  EXPECT_EQ(taken.taken.n_piece, 3U);
  EXPECT_THAT(texts_of_one(value_of(take("short", "a.md"))), ElementsAre("short"));
  // One line that never ends.
  EXPECT_EQ(value_of(take(std::string(5000, 'x'), "a.txt")).corpus.n_record(), 3U);
}

TEST(TakeText, WhatLooksLikeJsonAndIsNamedTextIsText) {
  EXPECT_EQ(value_of(take("{ not json }\n", "a.js")).taken.n_file, 1U);
  EXPECT_EQ(value_of(take("[link](b) is no list\n", "a.md")).taken.n_file, 1U);
  EXPECT_EQ(value_of(take("GGUF is a format\n", "a.md")).taken.n_file, 1U);
  EXPECT_EQ(value_of(take("<!DOCTYPE html><p>\n", "a.html")).taken.n_file, 1U);
}

TEST(TakeText, ChatsOfAllFormsAreRenderedByTheModel) {
  const auto rendered = [](std::string_view bytes) {
    const auto text = value_of(take(bytes, "c.json"));
    EXPECT_EQ(text.taken.n_chat, text.corpus.n_record());
    return texts_of_one(text);
  };
  EXPECT_THAT(
      rendered(
          R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})"),
      ElementsAre("<user>a<assistant>b"));
  EXPECT_THAT(
      rendered(
          R"([{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}])"),
      ElementsAre("<user>a<assistant>b"));
  EXPECT_THAT(rendered(R"([[{"role": "user", "content": "a"}]])"), ElementsAre("<user>a"));
  EXPECT_THAT(
      rendered(R"([{"current_node": "1", "mapping": {"1": {"message": {"author": {"role": "user"},
      "content": {"content_type": "text", "parts": ["a"]}}, "parent": null}}}])"),
      ElementsAre("<user>a"));
  EXPECT_THAT(rendered(R"([{"chat_messages": [{"sender": "human", "text": "a"}]}])"),
              ElementsAre("<user>a"));
}

TEST(TakeText, ChatsKeepTheirSubDomain) {
  const auto text = value_of(
      take(R"({"messages": [{"role": "user", "content": "a"}], "domain": "own", "weight": 3})",
           "c.jsonl"));
  EXPECT_EQ(text.corpus.domains.at(0).name, "own");
  EXPECT_EQ(text.corpus.domains[0].weight, 3.0);
  EXPECT_EQ(text.corpus.domains[0].records[0].where, "c.jsonl:1");
}

TEST(TakeText, ChatsWithoutAModelSayWhatIsMissing) {
  const auto text = take(R"({"messages": [{"role": "user", "content": "a"}]})", "c.jsonl", false);
  expect_error(text, Code::kInvalidArgument, "c.jsonl: holds chats");
  EXPECT_THAT(text.error().hint, HasSubstr("-m"));
}

TEST(TakeText, ThinkingWithoutAPlaceIsLeftOutAndCounted) {
  const auto text = value_of(take(
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "reasoning": "hm"}]})",
      "c.jsonl"));
  EXPECT_THAT(texts_of_one(text), ElementsAre("<user>a<assistant>b"));
  EXPECT_EQ(taken_text(text.taken),
            "1 chat; left out: 1 thought that the model's template has no place for");
}

TEST(TakeText, FewBadChatsAreCountedAndManyAreAnError) {
  std::string chats;
  for (int i = 0; i < 20; ++i)
    chats += fmt::format("{{\"messages\": [{{\"role\": \"user\", \"content\": \"{}\"}}]}}\n", i);
  const std::string bad = "{\"messages\": [{\"role\": \"nobody\", \"content\": \"x\"}]}\n";
  const auto some = value_of(take(chats + bad, "c.jsonl"));
  EXPECT_EQ(some.taken.n_chat, 20U);
  EXPECT_THAT(
      taken_text(some.taken),
      HasSubstr("1 chat that cannot be used (c.jsonl:21: message 1: unknown role `nobody`)"));
  expect_error(take(chats + bad + bad + bad, "c.jsonl"), Code::kCorrupt,
               "c.jsonl:21: message 1: unknown role `nobody`; 3 of 23 chats cannot be used");
  expect_error(take(bad, "c.jsonl"), Code::kCorrupt, "cannot be used");
  // An export has chats in which nothing was said.
  const auto empty = value_of(
      take(R"([{"chat_messages": []}, {"chat_messages": [{"sender": "human", "text": "a"}]}])",
           "c.json"));
  EXPECT_EQ(taken_text(empty.taken), "1 chat; left out: 1 chat without words");
}

TEST(TakeText, SaysWhatAFileIsInsteadOfText) {
  const auto broken = [](std::string_view bytes, const std::string& name, std::string_view what) {
    const auto result = take(bytes, name);
    expect_error(result, Code::kCorrupt, name);
    EXPECT_THAT(result.error().message, HasSubstr(std::string(what)));
    EXPECT_FALSE(result.error().hint.empty());
  };
  broken("\xff\xfeh\0i\0", "a.txt", "text in UTF-16");
  broken(std::string_view("h\0i\0\n\0x\0", 8), "a.txt", "text in UTF-16 without its mark");
  broken("caf\xe9\n", "a.txt", "not UTF-8, perhaps Latin-1");
  broken(std::string_view("ab\0\1\2\3", 6), "a.dat", "a binary file");
  broken("PK\x03\x04 and so on", "a.docx.jsonl", "a zip archive");
  broken(std::string_view("%PDF-1.5\n\0\xff", 11), "a.pdf", "a PDF");
  broken("<!DOCTYPE html><html>", "a.jsonl", "an HTML page");
  broken("plain words\n", "a.jsonl", "it looks like plain text");
  broken("", "a.jsonl", "holds no record");
  broken(" \n", "a.txt", "is empty");
  broken("{\"title\": \"x\", \"year\": 7}\n", "a.json", "a.json:1: no field `text`");
  broken(std::string(100'000, '['), "deep.json", "deep.json");
  broken("[{\"text\": \"a\"}, {\"text\": ", "cut.json", "never ends");
}

TEST(TakeText, QuestionsAreRecordsOnly) {
  TakeOptions options;
  options.only_records = true;
  expect_error(take_bytes("words", "q.txt", options, silent_observer()), Code::kCorrupt,
               "q.txt: plain text, where records are wanted");
}

TEST(TakeText, FilesAreNamedInErrors) {
  const TempDir dir;
  const auto load = [&](std::vector<Path> given) {
    return take_text(given, {}, silent_observer());
  };
  expect_error(load({}), Code::kInvalidArgument, "no file given");
  expect_error(load({dir / "none.txt"}), Code::kNotFound, "none.txt");
  expect_ok(write_file(dir / "a.md", "x", Overwrite::kRefuse));
  expect_error(load({dir / "a.md", dir / "a.md"}), Code::kInvalidArgument, "a.md: given twice");
}

// "words\n" as gzip writes it, and a name that says what is in it.
TEST(TakeText, PackedTextIsText) {
  const TempDir dir;
  const std::string packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x2b\xcf\x2f\x4a\x29\xe6\x02\x00\x86\xb4\xa8\xd6\x06"
      "\x00\x00\x00",
      26);
  expect_ok(write_file(dir / "notes.md.gz", packed, Overwrite::kRefuse));
  const std::vector<Path> given = {dir / "notes.md.gz"};
  const auto text = value_of(take_text(given, {}, silent_observer()));
  EXPECT_EQ(text.corpus.domains.at(0).name, "notes");
  EXPECT_THAT(texts_of_one(text), ElementsAre("words\n"));
  EXPECT_EQ(text.taken.endings.at(0).first, ".md");
}

RC_GTEST_PROP(TakeTextProperty, AnyBytesGiveTextOrAnErrorWithTheName, (const std::string& bytes)) {
  for (const char* name : {"f.txt", "f.json", "f"}) {
    const auto result = take(bytes, name);
    if (result)
      RC_ASSERT(result->corpus.n_record() > 0U);
    else
      RC_ASSERT(result.error().message.rfind(name, 0) == 0U);
  }
}

}  // namespace
}  // namespace coe
