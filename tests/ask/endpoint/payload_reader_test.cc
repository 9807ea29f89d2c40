#include "coe/ask/endpoint/payload_reader.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Reading {
  std::vector<std::string> payloads;
  Status status;
};

Reading read(const std::vector<std::string_view>& pieces, std::size_t max_bytes = 1000) {
  Reading out;
  PayloadReader reader(max_bytes, [&](std::string_view payload) {
    out.payloads.emplace_back(payload);
    return Status();
  });
  for (const auto piece : pieces) {
    out.status = reader.feed(piece);
    if (!out.status) return out;
  }
  out.status = reader.finish();
  return out;
}

// The payloads, after every way of cutting the text in two, and byte by byte.
std::vector<std::string> read_however_cut(std::string_view text) {
  const auto whole = read({text});
  EXPECT_TRUE(whole.status) << whole.status.error().message;
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bytes.push_back(text.substr(i, 1));
    EXPECT_EQ(read({text.substr(0, i), text.substr(i)}).payloads, whole.payloads) << i;
  }
  EXPECT_EQ(read(bytes).payloads, whole.payloads);
  return whole.payloads;
}

TEST(PayloadReader, ReadsEvents) {
  EXPECT_THAT(read_however_cut("data: {\"a\":1}\n\ndata:{\"b\":2}\n\ndata: [DONE]\n\n"),
              ElementsAre("{\"a\":1}", "{\"b\":2}", "[DONE]"));
  EXPECT_THAT(
      read_however_cut(": hello\r\n\r\nevent: x\r\nid: 1\r\ndata: one\r\n\r\ndata: two\r\n\r\n"),
      ElementsAre("one", "two"));
  EXPECT_THAT(read_however_cut("data: one\r\rdata: two\r\r"), ElementsAre("one", "two"));
  EXPECT_THAT(read_however_cut("\n\ndata: first\ndata: second\n\n"), ElementsAre("first\nsecond"));
  EXPECT_THAT(read_however_cut("\xef\xbb\xbf"
                               "data: one\n\n"),
              ElementsAre("one"));
  EXPECT_THAT(read_however_cut("data: a: b\n\ndata:  two blanks\n\ndata\n\n"),
              ElementsAre("a: b", " two blanks", ""));
}

TEST(PayloadReader, TakesTheLastEventWithoutItsBlankLine) {
  EXPECT_THAT(read_however_cut("data: one\n\ndata: two\n"), ElementsAre("one", "two"));
  EXPECT_THAT(read_however_cut("data: one\n\ndata: two"), ElementsAre("one", "two"));
}

TEST(PayloadReader, PassesOverWhatIsNoData) {
  EXPECT_THAT(read_however_cut(""), IsEmpty());
  EXPECT_THAT(read_however_cut(" \r\n\n"), IsEmpty());
  EXPECT_THAT(read_however_cut("retry: 10\n\n: ping\n\nDATA: x\n\ndatas: y\n\n"), IsEmpty());
}

TEST(PayloadReader, ReadsJson) {
  EXPECT_THAT(read_however_cut("{\"a\":{\"b\":[1,2]}}\n{\"c\":\"}\\\"{\"}\r\n"),
              ElementsAre("{\"a\":{\"b\":[1,2]}}", "{\"c\":\"}\\\"{\"}"));
  EXPECT_THAT(read_however_cut("\n {\n  \"a\": \"\\\\\"\n}"),
              ElementsAre("{\n  \"a\": \"\\\\\"\n}"));
  EXPECT_THAT(read_however_cut("{} {}{}"), ElementsAre("{}", "{}", "{}"));
}

TEST(PayloadReader, SaysWhereJsonBreaksOff) {
  for (const char* text : {"{\"a\":1", "{\"a\":\"}", "{} {"})
    expect_error(read({text}).status, Code::kEngine, "breaks off within JSON");
  // What is no JSON is left to whoever parses it.
  EXPECT_THAT(read({"{}oops"}).payloads, ElementsAre("{}", "o", "o", "p", "s"));
}

TEST(PayloadReader, IsBounded) {
  const std::string text(200, 'x');
  for (const auto& body :
       {"data: " + text + "\n\n", "{\"" + text + "\":1}", text,
        "data: " + text.substr(0, 80) + "\ndata: " + text.substr(0, 80) + "\n\n"})
    expect_error(read({body}, 100).status, Code::kCorrupt, "more than 100 bytes");
  EXPECT_TRUE(read({"data: " + text + "\n\n"}, 206).status);
}

TEST(PayloadReader, EndsWithTheSinksError) {
  int n = 0;
  PayloadReader reader(100, [&](std::string_view) -> Status {
    ++n;
    return fail(Code::kEngine, "enough");
  });
  expect_error(reader.feed("data: 1\n\ndata: 2\n\n"), Code::kEngine, "enough");
  EXPECT_EQ(n, 1);
}

}  // namespace
}  // namespace coe
