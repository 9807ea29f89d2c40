#include "coe/base/csv.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::value_of;
using ::testing::ElementsAre;

using Table = std::vector<std::vector<std::string>>;

Table table_of(std::string_view text) {
  CsvReader reader(text);
  Table out;
  while (auto record = value_of(reader.next())) out.push_back(std::move(record->fields));
  return out;
}

// The line that the error is on.
std::uint64_t expect_bad(std::string_view text, const std::string& message) {
  CsvReader reader(text);
  while (true) {
    auto record = reader.next();
    if (record && *record) continue;
    expect_error(record, Code::kCorrupt, message);
    return reader.line();
  }
}

TEST(CsvReader, ReadsTheExamplesOfRfc4180) {
  EXPECT_THAT(table_of("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n"),
              ElementsAre(ElementsAre("aaa", "bbb", "ccc"), ElementsAre("zzz", "yyy", "xxx")));
  EXPECT_THAT(table_of("aaa,bbb,ccc\r\nzzz,yyy,xxx"),
              ElementsAre(ElementsAre("aaa", "bbb", "ccc"), ElementsAre("zzz", "yyy", "xxx")));
  EXPECT_THAT(table_of("\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz,yyy,xxx"),
              ElementsAre(ElementsAre("aaa", "b\r\nbb", "ccc"), ElementsAre("zzz", "yyy", "xxx")));
  EXPECT_THAT(table_of("\"aaa\",\"b\"\"bb\",\"ccc\""),
              ElementsAre(ElementsAre("aaa", "b\"bb", "ccc")));
  // Spaces are a part of the field.
  EXPECT_THAT(table_of(" a , b\n"), ElementsAre(ElementsAre(" a ", " b")));
}

TEST(CsvReader, ReadsEmptyFieldsAndPassesOverEmptyLines) {
  EXPECT_THAT(table_of(",\n\n\"\",x\r\n\r\n"),
              ElementsAre(ElementsAre("", ""), ElementsAre("", "x")));
  EXPECT_THAT(table_of("\xef\xbb\xbf"
                       "a,\n"),
              ElementsAre(ElementsAre("a", "")));
  EXPECT_TRUE(table_of("").empty());
  EXPECT_TRUE(table_of("\n\n").empty());
  EXPECT_THAT(table_of("a\n,"), ElementsAre(ElementsAre("a"), ElementsAre("", "")));
}

TEST(CsvReader, CountsLinesWithinFields) {
  CsvReader reader("a\n\n\"b\n\nb\",2\nc");
  const auto lines = [&] { return value_of(reader.next())->line; };
  EXPECT_EQ(lines(), 1U);
  EXPECT_EQ(lines(), 3U);
  EXPECT_EQ(lines(), 6U);
}

TEST(CsvReader, RefusesWhatTheRfcDoesNotAllow) {
  EXPECT_EQ(expect_bad("a\nb\"c\n", "a quote in a field that does not begin with one"), 2U);
  EXPECT_EQ(expect_bad("a\n\"b\"c\n", "text behind a field's closing quote"), 2U);
  EXPECT_EQ(expect_bad("a\n\"b\" ,c\n", "text behind a field's closing quote"), 2U);
  EXPECT_EQ(expect_bad("a\n\n\"b\n\n\n", "the quotes of a field never close"), 3U);
  EXPECT_EQ(expect_bad("\"", "the quotes of a field never close"), 1U);
  EXPECT_EQ(expect_bad("a\rb", "a carriage return that ends no line"), 1U);
  EXPECT_EQ(expect_bad("\"a\"\rb", "text behind a field's closing quote"), 1U);
  EXPECT_EQ(expect_bad("a,b\xff\n", "not UTF-8 (byte 1 of a field)"), 1U);
  EXPECT_EQ(expect_bad(std::string(kMostCsvFields, ','), "more than 4096 fields"), 1U);
  EXPECT_EQ(table_of(std::string(kMostCsvFields - 1, ',')).front().size(), kMostCsvFields);
}

RC_GTEST_PROP(CsvReader, ReadsWhatWasWritten, (const Table& drawn)) {
  // Of bytes that mean something to a table.
  Table table;
  for (const auto& record : drawn) {
    if (record.empty()) continue;
    auto& fields = table.emplace_back();
    for (const auto& field : record) {
      std::string text;
      for (const char c : field) text += ",\"\n\rab"[static_cast<unsigned char>(c) % 6U];
      fields.push_back(text);
    }
  }
  std::string text;
  for (const auto& record : table) {
    for (std::size_t i = 0; i < record.size(); ++i) {
      text += i == 0 ? "\"" : ",\"";
      for (const char c : record[i]) text += c == '"' ? "\"\"" : std::string(1, c);
      text += '"';
    }
    text += '\n';
  }
  RC_ASSERT(table_of(text) == table);
}

}  // namespace
}  // namespace coe
