#include "coe/corpus/text_spec.h"

#include "coe/base/result.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using ::testing::HasSubstr;
using testing::value_of;

constexpr std::string_view kLine =
    R"({"problem":"1+1?","thinking":"one more","solution":"2","n":3,"list":[]})";

std::string rendered(std::string_view spec) {
  return value_of(value_of(TextSpec::parse(spec)).render(kLine));
}

TEST(TextSpec, RendersTheThreeForms) {
  EXPECT_EQ(rendered("problem"), "1+1?");
  EXPECT_EQ(rendered("problem+solution"), "1+1?\n2");
  EXPECT_EQ(rendered(" problem + thinking + solution "), "1+1?\none more\n2");
  EXPECT_EQ(rendered("Q: {problem}\nA: {solution}!"), "Q: 1+1?\nA: 2!");
  EXPECT_EQ(rendered("{solution}{solution}"), "22");
}

TEST(TextSpec, DoubledBracesAreLiteral) {
  EXPECT_EQ(rendered("{{{solution}}}"), "{2}");
  EXPECT_EQ(rendered("{{x}} {solution} }}{{"), "{x} 2 }{");
}

TEST(TextSpec, RendersChatMarkup) {
  EXPECT_EQ(rendered("<|turn>user\n{problem}<turn|>\n<|channel>thought\n{thinking}\n<channel|>"),
            "<|turn>user\n1+1?<turn|>\n<|channel>thought\none more\n<channel|>");
}

TEST(TextSpec, ListsItsFields) {
  EXPECT_THAT(value_of(TextSpec::parse("a+b+a")).fields(), ElementsAre("a", "b", "a"));
  EXPECT_THAT(value_of(TextSpec::parse("x {b} y {c d}")).fields(), ElementsAre("b", "c d"));
}

TEST(TextSpec, RefusesBadSpecsWithTheirPosition) {
  expect_error(TextSpec::parse(""), Code::kInvalidArgument, "no field at position 1");
  expect_error(TextSpec::parse("a++b"), Code::kInvalidArgument, "no field at position 3");
  expect_error(TextSpec::parse("a+ "), Code::kInvalidArgument, "no field at position 3");
  expect_error(TextSpec::parse("x {}"), Code::kInvalidArgument, "no field at position 3");
  expect_error(TextSpec::parse("x {a"), Code::kInvalidArgument,
               "the `{` at position 3 is not closed");
  expect_error(TextSpec::parse("x {a {b}"), Code::kInvalidArgument,
               "the `{` at position 3 is not closed");
  expect_error(TextSpec::parse("{a} }"), Code::kInvalidArgument,
               "the `}` at position 5 closes nothing");
  expect_error(TextSpec::parse("just {{text}}"), Code::kInvalidArgument, "it names no field");
  expect_error(TextSpec::parse("caf\xe9"), Code::kInvalidArgument, "not UTF-8 at position 4");
}

TEST(TextSpec, MissingFieldIsNotFoundAndListsTheOthers) {
  const auto result = value_of(TextSpec::parse("text")).render(kLine);
  expect_error(result, Code::kNotFound, "no field `text`");
  EXPECT_THAT(result.error().hint, HasSubstr("problem, thinking, solution, n, list"));
  const auto empty = value_of(TextSpec::parse("text")).render("{}");
  EXPECT_THAT(empty.error().hint, HasSubstr("the object is empty"));
}

TEST(TextSpec, FieldListIsBounded) {
  std::string line = "{";
  for (int i = 0; i < 40; ++i) line += "\"f" + std::to_string(i) + "\":1,";
  line += "\"last\":1}";
  const auto result = value_of(TextSpec::parse("text")).render(line);
  EXPECT_THAT(result.error().hint, HasSubstr("f11 and 29 more"));
}

TEST(TextSpec, FieldsMustBeStrings) {
  expect_error(value_of(TextSpec::parse("n")).render(kLine), Code::kCorrupt,
               "field `n` is a number, not a string");
  expect_error(value_of(TextSpec::parse("{problem} {list}")).render(kLine), Code::kCorrupt,
               "field `list` is an array, not a string");
}

TEST(TextSpec, PassesOnWhatIsWrongWithTheLine) {
  expect_error(value_of(TextSpec::parse("text")).render("oops"), Code::kCorrupt, "not valid JSON");
}

RC_GTEST_PROP(TextSpecProperty, EscapedTextComesBackLiterally, ()) {
  const auto text =
      *rc::gen::container<std::string>(rc::gen::element('a', '{', '}', '+', ' ', '\n'));
  std::string escaped;
  for (const char c : text) {
    escaped += c;
    if (c == '{' || c == '}') escaped += c;
  }
  RC_ASSERT(rendered(escaped + "{solution}") == text + "2");
}

}  // namespace
}  // namespace coe
