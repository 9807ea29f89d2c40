#include "coe/measure/webgen/extract.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::value_of;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kPage = "<!DOCTYPE html>\n<html><head></head><body>x</body></html>\n";

TEST(CodeBlocks, FencesAsMarkdownHasThem) {
  const auto blocks = code_blocks(
      "```HTML title\na\n```\ntext ``` no fence\n~~~\nb\n```\nc\n~~~\n````md\n```\nd\n```\n````\n"
      "   ```js\r\ne\r\n```\n    ```\nno fence: four blanks\n```css\nopen");
  ASSERT_EQ(blocks.size(), 5U);
  EXPECT_EQ(blocks[0].language, "html title");
  EXPECT_EQ(blocks[0].code, "a\n");
  EXPECT_EQ(blocks[1].code, "b\n```\nc\n");
  EXPECT_EQ(blocks[2].code, "```\nd\n```\n");
  EXPECT_EQ(blocks[3].language, "js");
  EXPECT_EQ(blocks[3].code, "e\n");
  EXPECT_TRUE(blocks[3].closed);
  EXPECT_EQ(blocks[4].code, "open\n");
  EXPECT_FALSE(blocks[4].closed);
}

TEST(ExtractAnswer, OneBlockWithProseAround) {
  EXPECT_EQ(extract_answer("Here you are:\n```html\n" + kPage + "```\nEnjoy!", WebFormat::kHtml),
            kPage);
}

TEST(ExtractAnswer, ThinkingIsNoAnswer) {
  const auto text =
      "<think>Maybe\n```html\n<html>draft</html>\n```\n</think>\n```html\n" + kPage + "```\n";
  EXPECT_EQ(extract_answer(text, WebFormat::kHtml), kPage);
  expect_error(extract_answer("<think>```html\n" + kPage + "```", WebFormat::kHtml),
               Code::kNotFound, "no code");
}

TEST(ExtractAnswer, TheLastWholePageCounts) {
  const auto text = "```html\n<html>first</html>\n```\nBetter:\n```html\n" + kPage +
                    "```\nRun it with\n```sh\nopen page.html\n```\n";
  EXPECT_EQ(extract_answer(text, WebFormat::kHtml), kPage);
}

TEST(ExtractAnswer, StyleAndScriptOfTheirOwnArePutIn) {
  const auto page = value_of(extract_answer(
      "```html\n" + kPage + "```\n```css\np{}\n```\n```js\ngo()\n```\n", WebFormat::kHtml));
  EXPECT_EQ(page,
            "<!DOCTYPE html>\n<html><head><style>\np{}\n</style>\n</head><body>x<script>\n"
            "go()\n</script>\n</body></html>\n");
  const std::string whole = "<html><style>a{}</style><script>b()</script></html>\n";
  EXPECT_EQ(extract_answer("```css\nc{}\n```\n```html\n" + whole + "```\n", WebFormat::kHtml),
            whole);
}

TEST(ExtractAnswer, WithoutFences) {
  EXPECT_EQ(extract_answer("Sure! <!doctype html><html>x</html> Done.", WebFormat::kHtml),
            "<!doctype html><html>x</html>");
  EXPECT_EQ(extract_answer("import React from 'react'\nexport default () => 1", WebFormat::kJsx),
            "import React from 'react'\nexport default () => 1");
  EXPECT_EQ(extract_answer("Here: <template><p/></template>", WebFormat::kVue),
            "<template><p/></template>");
  for (const auto format : {WebFormat::kHtml, WebFormat::kJsx, WebFormat::kVue, WebFormat::kSvelte})
    expect_error(extract_answer("I cannot do that.", format), Code::kNotFound, "no code");
}

TEST(ExtractAnswer, WhatIsCutOffSaysSo) {
  expect_error(extract_answer("```html\n<!doctype html><html><body><p>so", WebFormat::kHtml),
               Code::kNotFound, "cut off");
  expect_error(extract_answer("<!doctype html><html><body><p>so", WebFormat::kHtml),
               Code::kNotFound, "cut off");
  expect_error(extract_answer("```jsx\nexport default function App() {", WebFormat::kJsx),
               Code::kNotFound, "cut off");
  // Only the closing fence is missing.
  EXPECT_EQ(extract_answer("```html\n" + kPage, WebFormat::kHtml), kPage);
  // A whole answer, and another one begun.
  EXPECT_EQ(extract_answer("```html\n" + kPage + "```\nOr:\n```html\n<html><b", WebFormat::kHtml),
            kPage);
}

TEST(ExtractAnswer, ComponentsByWhatTheyLookLike) {
  const std::string app = "export default function App() { return <b/> }\n";
  EXPECT_EQ(extract_answer("```sh\nnpm i\n```\n```jsx\n" + app +
                               "```\n```jsx\nimport App from "
                               "'./App'\nrender(<App/>)\n```\n",
                           WebFormat::kJsx),
            app);
  const std::string vue = "<script setup>\nlet a\n</script>\n<template>x</template>\n";
  EXPECT_EQ(extract_answer("```js\nlet a\n```\n```vue\n" + vue + "```\n", WebFormat::kVue), vue);
  const std::string svelte = "<script>let n = $state(0)</script>\n<p>{n}</p>\n";
  EXPECT_EQ(
      extract_answer("```svelte\n" + svelte + "```\n```js\nmount()\n```\n", WebFormat::kSvelte),
      svelte);
  for (const auto format : {WebFormat::kHtml, WebFormat::kJsx, WebFormat::kVue, WebFormat::kSvelte})
    for (const auto* text : {"```html\n```\n", "```svelte\n```\n"})
      expect_error(extract_answer(text, format), Code::kNotFound, "empty");
}

}  // namespace
}  // namespace coe
