#include "coe/college/package/quoting.h"

#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/college/package/front_matter.h"
#include "coe/college/package/modelfile.h"

#include "college/package/reference_modelfile.h"
#include "support/expect.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::OllamaCommand;
using testing::read_as_ollama;
using testing::value_of;

// As SYSTEM of a Modelfile, with something behind it that must not be swallowed.
std::string as_system(const std::string& text) {
  return "FROM ./m.gguf\nSYSTEM " + value_of(modelfile_text(text, "t")) + "\nPARAMETER seed 1\n";
}

std::vector<OllamaCommand> expected_system(const std::string& text) {
  return {{"model", "./m.gguf"}, {"system", text}, {"seed", "1"}};
}

TEST(ModelfileText, IsReadBackByOllamasRules) {
  for (const std::string text :
       {"You are a web developer.", "say \"hi\"", "\"quoted\"", "two\nlines", "\"\"\"in front",
        "a \"\"\" b", "ends in \"", "ends in \"\"\"", "\n starts with a newline", " blanks ",
        "tab\there", "# no comment", "PARAMETER num_ctx 1", "\"", "\"\"", "\"\"\"\"",
        "für Größe\nπ", "a\"\nb", "\"\"\nfoo"})
    EXPECT_EQ(read_as_ollama(as_system(text)), expected_system(text)) << text;
}

TEST(ModelfileText, RefusesWhatWouldEndTheTextEarly) {
  // Without the refusal this would set a parameter of its own.
  expect_error(modelfile_text("fine\"\"\"\nPARAMETER num_ctx 1", "--system"),
               Code::kInvalidArgument, "--system: line 1 ends in three quotation marks");
  expect_error(modelfile_text("a\nb \"\"\" \t\nc", "--system"), Code::kInvalidArgument, "line 2");
  expect_error(modelfile_text("\"\"\"\nfoo", "--system"), Code::kInvalidArgument, "line 1");
}

TEST(ModelfileText, RefusesWhatOllamaWouldLeaveOut) {
  expect_error(modelfile_text(std::string("a\0b", 3), "--system"), Code::kInvalidArgument,
               "has 1 control character,");
  expect_error(modelfile_text("\x1b[31mred\x1b[0m", "--system"), Code::kInvalidArgument,
               "has 2 control characters");
  expect_error(modelfile_text("\xff", "--system"), Code::kInvalidArgument, "is not UTF-8");
}

TEST(ModelfileText, MakesOneCharacterOfWindowsLineEnds) {
  EXPECT_EQ(read_as_ollama(as_system("a\r\nb")), expected_system("a\nb"));
}

TEST(ModelfileText, CountsWhatOllamaDropsWithoutAWord) {
  EXPECT_EQ(count_dropped_by_ollama("plain text\n\twith 日本 and π"), 0U);
  EXPECT_EQ(count_dropped_by_ollama("no\xc2\xa0"
                                    "break, join\xe2\x80\x8d"
                                    "er, \xef\xbb\xbfmark"),
            3U);
}

RC_GTEST_PROP(ModelfileTextProperties, IsReadBackOrRefused, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "\"", "\"\"\"", "\n", " ", "a", "FROM x", "PARAMETER stop y", "#", "\\", "é"));
  std::string text;
  for (const auto& piece : pieces) text += piece;
  const auto quoted = modelfile_text(text, "t");
  if (!quoted) return;
  RC_ASSERT(read_as_ollama(as_system(text)) == expected_system(text));
}

TEST(YamlText, IsReadBackWhateverItHolds) {
  for (const std::string text :
       {"plain", "a: b", "- item", "\"quoted\"", "back\\slash", "# no comment", "line\nend",
        "license: evil", "tab\t", "\x7f\x1b", "---", "π", "{a: b}", "'", "\xe2\x80\xa8"}) {
    const auto items =
        value_of(parse_front_matter("---\nkey: " + yaml_text(text) + "\nnext: one\n---\n", "card"));
    ASSERT_EQ(items.size(), 2U) << text;
    EXPECT_EQ(items[0].values, std::vector{text});
    EXPECT_EQ(items[1].key, "next");
  }
  EXPECT_EQ(yaml_text("\xff"), "\"\xef\xbf\xbd\"");
}

TEST(MarkdownText, IsText) {
  EXPECT_EQ(markdown_text("a | b"), "a \\| b");
  EXPECT_EQ(markdown_text("<script>&"), "&lt;script&gt;&amp;");
  EXPECT_EQ(markdown_text("[x](javascript:y) *z* _u_ `v` # w"),
            "\\[x\\](javascript:y) \\*z\\* \\_u\\_ \\`v\\` \\# w");
  EXPECT_EQ(markdown_text("one\ntwo\x1b"), "one two ");
  EXPECT_EQ(markdown_text("\xff"), "\xef\xbf\xbd");
}

TEST(MarkdownCode, KeepsBackquotesInside) {
  EXPECT_EQ(markdown_code("a", InTable::kNo), "`a`");
  EXPECT_EQ(markdown_code("a`b``c", InTable::kNo), "``` a`b``c ```");
  EXPECT_EQ(markdown_code("<|x|>\n", InTable::kNo), "`<|x|> `");
  EXPECT_EQ(markdown_code("a|b", InTable::kYes), "`a\\|b`");
}

TEST(FileSlug, IsANameForFilesFoldersAndSections) {
  EXPECT_EQ(file_slug("Gemma 4 web 64 of 128 experts"), "Gemma-4-web-64-of-128-experts");
  EXPECT_EQ(file_slug("css+react/vue"), "css-react-vue");
  EXPECT_EQ(file_slug("../../etc/passwd"), "etc-passwd");
  EXPECT_EQ(file_slug("--flag."), "flag");
  EXPECT_EQ(file_slug(".hidden"), "hidden");
  EXPECT_EQ(file_slug("a]\nmodel = x"), "a-model-x");
  EXPECT_EQ(file_slug("日本"), "");
  EXPECT_EQ(file_slug(""), "");
  EXPECT_EQ(file_slug(std::string(200, 'a')).size(), 80U);
}

TEST(HubId, IsOrganisationAndName) {
  EXPECT_TRUE(is_hub_id("google/gemma-4-26B-A4B-it"));
  for (const auto* text : {"", "gemma", "a/b/c", "/b", "a/", "a b/c", "../x", "a/b\n"})
    EXPECT_FALSE(is_hub_id(text)) << text;
}

TEST(CheckLine, TakesOneLineOfText) {
  expect_ok(check_line("Größe \"x\"", "--name"));
  expect_error(check_line(" ", "--name"), Code::kInvalidArgument, "--name: ` ` is empty");
  expect_error(check_line("a\nb", "--name"), Code::kInvalidArgument, "line ends");
  expect_error(check_line("\xff", "--name"), Code::kInvalidArgument, "is not UTF-8");
}

}  // namespace
}  // namespace coe
