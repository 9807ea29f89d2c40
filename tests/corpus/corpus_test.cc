#include "coe/corpus/corpus.h"

#include "coe/base/file.h"
#include "coe/base/lines.h"
#include "coe/base/result.h"
#include "coe/corpus/text_spec.h"

#include "support/expect.h"
#include "support/load_text.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TempDir;
using testing::value_of;

Result<Corpus> parse(std::string_view jsonl) {
  return parse_corpus(jsonl, "data/web.jsonl", default_text_spec());
}

TEST(Lines, SplitsNumbersAndTrims) {
  LineReader lines(
      "\xef\xbb\xbf"
      "a\r\n\n  \nb\r");
  EXPECT_EQ(lines.next()->text, "a");
  EXPECT_TRUE(lines.next()->blank());
  EXPECT_TRUE(lines.next()->blank());
  const auto last = lines.next();
  EXPECT_EQ(last->text, "b");
  EXPECT_EQ(last->number, 4U);
  EXPECT_FALSE(lines.next().has_value());
}

TEST(Corpus, TakesDomainFromTheFileName) {
  const Corpus corpus = value_of(parse("{\"text\":\"one\"}\n\n{\"text\":\"two\"}\n"));
  ASSERT_EQ(corpus.domains.size(), 1U);
  EXPECT_EQ(corpus.domains[0].name, "web");
  EXPECT_EQ(corpus.domains[0].weight, 1.0);
  ASSERT_EQ(corpus.n_record(), 2U);
  EXPECT_EQ(corpus.domains[0].records[1].text, "two");
  EXPECT_EQ(corpus.domains[0].records[1].where, "data/web.jsonl:3");
}

// What GNU tar 1.34 wrote for a file of 13 bytes (--format=ustar --mtime=@1000000000 --owner=root:0
// --group=root:0).
std::string tar_archive(std::string_view sum = "012677") {
  const std::string line = "{\"text\":\"a\"}\n";
  std::string bytes(1024, '\0');
  const auto put = [&](std::size_t at, std::string_view field) {
    bytes.replace(at, field.size(), field);
  };
  put(0, "web.jsonl");
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, "00000000015");
  put(136, "07346545000");
  put(148, sum);
  put(155, " 0");
  put(257, "ustar");
  put(263, "00root");
  put(297, "root");
  put(329, "0000000");
  put(337, "0000000");
  put(512, line);
  return bytes;
}

TEST(Corpus, RefusesATarArchive) {
  expect_error(parse(tar_archive()), Code::kCorrupt, "a tar archive");
  expect_error(parse(tar_archive(" 12677")), Code::kCorrupt, "a tar archive");
}

// Found by fuzzing: a tar archive says "ustar" at byte 257, and so may text, and NULs may follow.
TEST(Corpus, TakesNoTextForATarArchive) {
  const std::string line =
      R"({"text":")" + std::string(257 - 9, 'a') + "ustar" + std::string(300, 'b') + "\"}\n";
  ASSERT_EQ(line.find("ustar"), 257U);
  EXPECT_EQ(value_of(parse(line)).n_record(), 1U);
  for (const std::string& other : {line + '\0', tar_archive("012676"), tar_archive("no sum")})
    EXPECT_THAT(parse(other).error().message, Not(HasSubstr("tar archive")));
}

TEST(Corpus, GroupsByDomainFieldSortedByName) {
  const Corpus corpus = value_of(parse(R"({"text":"1","domain":"zeta","weight":0.25}
{"text":"2","domain":"alpha"}
{"text":"3","domain":"zeta"}
{"text":"4"}
)"));
  ASSERT_EQ(corpus.domains.size(), 3U);
  EXPECT_EQ(corpus.domains[0].name, "alpha");
  EXPECT_EQ(corpus.domains[1].name, "web");
  EXPECT_EQ(corpus.domains[2].name, "zeta");
  EXPECT_EQ(corpus.domains[2].weight, 0.25);
  EXPECT_EQ(corpus.domains[2].records[0].text, "1");
  EXPECT_EQ(corpus.domains[2].records[1].text, "3");
}

TEST(Corpus, PassesOverMarksCarriageReturnsAndBlankLines) {
  const Corpus corpus =
      value_of(parse("\xef\xbb\xbf{\"text\":\"a\"}\r\n \t\r\r\n{\"text\":\"b\"}"));
  ASSERT_EQ(corpus.n_record(), 2U);
  EXPECT_EQ(corpus.domains[0].records[0].text, "a");
  EXPECT_EQ(corpus.domains[0].records[1].where, "data/web.jsonl:3");
}

TEST(Corpus, UsesTheTextSpec) {
  const auto spec = value_of(TextSpec::parse("q+a"));
  const Corpus corpus = value_of(parse_corpus(R"({"q":"why","a":"so"})", "x.jsonl", spec));
  EXPECT_EQ(corpus.domains[0].records[0].text, "why\nso");
}

TEST(Corpus, DigestDependsOnNamesWeightsTextsAndOrderOnly) {
  const std::string base = value_of(parse(R"({"text":"a"}
{"text":"b"})"))
                               .digest;
  EXPECT_EQ(base.rfind("xxh3:", 0), 0U);
  EXPECT_EQ(value_of(parse(R"({"text":"a","domain":"web","weight":1,"x":0}

{"text":"b"})"))
                .digest,
            base);
  EXPECT_NE(value_of(parse(R"({"text":"b"}
{"text":"a"})"))
                .digest,
            base);
  EXPECT_NE(value_of(parse(R"({"text":"ab"})")).digest, base);
  EXPECT_NE(value_of(parse(R"({"text":"a","weight":2}
{"text":"b"})"))
                .digest,
            base);
  EXPECT_NE(value_of(parse(R"({"text":"a","domain":"v"}
{"text":"b","domain":"v"})"))
                .digest,
            base);
}

TEST(Corpus, NamesFileAndLineOfEveryBrokenRecord) {
  const std::string good = "{\"text\":\"a\"}\n";
  const auto bad = [&](std::string_view line) { return parse(good + std::string(line) + "\n"); };
  const std::string place = "data/web.jsonl:2: ";
  expect_error(bad("{\"text\":"), Code::kCorrupt, place + "not valid JSON at byte 8");
  expect_error(bad("[\"text\"]"), Code::kCorrupt, place + "the line is an array, not an object");
  expect_error(bad("{\"text\":\"\xff\"}"), Code::kCorrupt, place + "not UTF-8 at byte 9");
  expect_error(bad("{\"text\":\"\"}"), Code::kCorrupt, place + "the text is empty");
  expect_error(bad("{\"text\":7}"), Code::kCorrupt, place + "field `text` is a number");
  expect_error(bad("{\"text\":\"x\",\"domain\":\"\"}"), Code::kCorrupt, place + "field `domain`");
  expect_error(bad("{\"text\":\"x\",\"domain\":3}"), Code::kCorrupt, place + "field `domain`");
  for (const char* weight : {"0", "-1", "\"2\"", "null", "1e308", "1e-300"})
    expect_error(bad(std::string("{\"text\":\"x\",\"weight\":") + weight + "}"), Code::kCorrupt,
                 place + "field `weight` must be a number above 0, from 1e-9 to 1e9");
}

TEST(Corpus, ReadsAnArrayOfObjects) {
  const Corpus corpus = value_of(parse("[{\"text\":\"a\"},\n {\"text\":\"b\"}]"));
  ASSERT_EQ(corpus.n_record(), 2U);
  EXPECT_EQ(corpus.domains[0].records[1].where, "data/web.jsonl:2");
  EXPECT_EQ(corpus.digest, value_of(parse("{\"text\":\"a\"}\n{\"text\":\"b\"}")).digest);
  expect_error(parse("[{\"text\":\"a\"}"), Code::kCorrupt, "data/web.jsonl:1: the array lacks");
}

TEST(Corpus, SaysWhatAFileIsThatHoldsNoRecords) {
  struct Case {
    std::string bytes;
    std::string_view what, hint;
  };
  const std::vector<Case> cases = {
      {"\x1f\x8b\x08 and so on", "a gzip archive", "gunzip"},
      {"\x28\xb5\x2f\xfd and so on", "a zstd archive", "zstd -d"},
      {"BZh91AY", "a bzip2 archive", "bunzip2"},
      {"\xfd"
       "7zXZ",
       "an xz archive", "xz -d"},
      {"PAR1\x15\x04", "a Parquet table", "read_parquet"},
      {"PK\x03\x04", "a zip archive", "unzip"},
      {"\xff\xfe{", "text in UTF-16", "iconv"},
      {"<!DOCTYPE html><html>", "an HTML page", "download it again"},
      {"GGUF\x03", "a GGUF model", "-m"},
      {std::string(4096, '\0'), "zeros at its start", "download it again"},
  };
  for (const auto& [bytes, what, hint] : cases) {
    const auto result = parse(bytes);
    expect_error(result, Code::kCorrupt, fmt::format("data/web.jsonl: {}", what));
    EXPECT_THAT(result.error().hint, HasSubstr(std::string(hint)));
  }
}

// "{\"text\":\"a\"}\n" as gzip writes it.
TEST(Corpus, MayBePacked) {
  const TempDir dir;
  const std::string packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\x56\x2a\x49\xad\x28\x51\xb2\x52\x4a\x54\xaa\xe5"
      "\x02\x00\x77\x4c\xc2\x38\x0d\x00\x00\x00",
      33);
  expect_ok(write_file(dir / "web.jsonl", packed, Overwrite::kRefuse));
  const std::vector<Path> files = {dir / "web.jsonl"};
  const auto corpus = value_of(testing::load_text(files));
  EXPECT_EQ(corpus.domains.at(0).records.at(0).text, "a");
  EXPECT_EQ(corpus.domains[0].records[0].where, (dir / "web.jsonl").string() + ":1");
  expect_ok(write_file(dir / "cut.jsonl", packed.substr(0, 20), Overwrite::kRefuse));
  const std::vector<Path> cut = {dir / "cut.jsonl"};
  expect_error(testing::load_text(cut), Code::kCorrupt,
               "cut.jsonl: its gzip data are cut off (byte 20)");
}

TEST(Corpus, MissingFieldListsTheFieldsThereAre) {
  const auto result = parse(R"({"problem":"p","solution":"s"})");
  expect_error(result, Code::kCorrupt, "data/web.jsonl:1: no field `text`");
  EXPECT_THAT(result.error().hint, HasSubstr("problem, solution"));
}

TEST(Corpus, ContradictingWeightsNameBothPlaces) {
  const auto result = parse(R"({"text":"a","weight":0.5}
{"text":"b"}
{"text":"c","weight":0.25})");
  expect_error(result, Code::kCorrupt,
               "data/web.jsonl:3: domain `web` has weight 0.25, but 0.5 at "
               "data/web.jsonl:1");
}

TEST(Corpus, NoRecordIsAnError) {
  expect_error(parse(""), Code::kCorrupt, "data/web.jsonl: holds no record");
  expect_error(parse("\n  \n\r\n"), Code::kCorrupt, "data/web.jsonl: holds no record");
}

TEST(Corpus, TakesAnyLineLength) {
  const std::string text(3'000'000, 'x');
  const Corpus corpus = value_of(parse("{\"text\":\"" + text + "\"}\n"));
  EXPECT_EQ(corpus.domains[0].records[0].text, text);
}

TEST(Corpus, ARawNulIsAnErrorAndAnEscapedOneIsText) {
  expect_error(parse(std::string_view("{\"text\":\"a\0b\"}", 14)), Code::kCorrupt,
               "data/web.jsonl:1: not valid JSON");
  EXPECT_EQ(value_of(parse(R"({"text":"a\u0000b"})")).domains[0].records[0].text.size(), 3U);
}

TEST(Corpus, LoadsSeveralFiles) {
  const TempDir dir;
  expect_ok(write_file(dir / "b.jsonl", R"({"text":"1"}
{"text":"2","domain":"a"})",
                       Overwrite::kRefuse));
  expect_ok(write_file(dir / "a.jsonl", R"({"text":"3"})", Overwrite::kRefuse));
  const std::vector<Path> files = {dir / "b.jsonl", dir / "a.jsonl"};
  const Corpus corpus = value_of(testing::load_text(files));
  ASSERT_EQ(corpus.domains.size(), 2U);
  EXPECT_EQ(corpus.domains[0].name, "a");
  ASSERT_EQ(corpus.domains[0].records.size(), 2U);
  EXPECT_EQ(corpus.domains[0].records[0].text, "2");
  EXPECT_EQ(corpus.domains[0].records[1].text, "3");
  EXPECT_EQ(corpus.domains[0].records[0].where, (dir / "b.jsonl").string() + ":2");
}

TEST(Corpus, LoadingNamesTheFileThatIsWrong) {
  const TempDir dir;
  expect_ok(write_file(dir / "ok.jsonl", R"({"text":"1"})", Overwrite::kRefuse));
  expect_ok(write_file(dir / "empty.jsonl", "\n", Overwrite::kRefuse));
  const auto load = [](std::vector<Path> files) { return testing::load_text(files); };
  expect_error(load({}), Code::kInvalidArgument, "no file given");
  expect_error(load({dir / "ok.jsonl", dir / "none.jsonl"}), Code::kNotFound, "none.jsonl");
  expect_error(load({dir / "ok.jsonl", dir / "empty.jsonl"}), Code::kCorrupt,
               "empty.jsonl: holds no record");
  std::filesystem::create_symlink(dir / "ok.jsonl", dir / "link.jsonl");
  expect_error(load({dir / "ok.jsonl", dir / "link.jsonl"}), Code::kInvalidArgument,
               "link.jsonl: given twice");
}

RC_GTEST_PROP(CorpusProperty, AnyBytesGiveACorpusOrAnErrorWithTheName, (const std::string& bytes)) {
  const auto result = parse(bytes);
  if (result)
    RC_ASSERT(result->n_record() > 0U);
  else
    RC_ASSERT(result.error().message.rfind("data/web.jsonl", 0) == 0U);
}

}  // namespace
}  // namespace coe
