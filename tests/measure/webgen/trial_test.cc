// Answers tried in a real browser: the bundled references, and hostile pages.
#include "coe/measure/webgen/compile.h"
#include "coe/measure/webgen/run.h"

#include "support/expect.h"
#include "support/needs_browser.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::value_of;
using ::testing::HasSubstr;

const Path kSuite = Path(COE_SOURCE_DIR) / "web";

class Trials : public ::testing::Test {
 protected:
  void SetUp() override {
    COE_NEEDS_BROWSER();
    if (!axe_source(kSuite)) GTEST_SKIP() << axe_source(kSuite).error().hint;
  }
  // A suite with one task of format `format` that any page with #a passes.
  static WebSuite suite_of(WebFormat format) {
    auto suite = value_of(load_web_suite(kSuite, std::vector<std::string>{"css-toggle"}));
    auto& task = suite.tasks.front();
    task.format = format;
    task.elements = {"#a"};
    task.apart = {};
    task.steps = {};
    return suite;
  }
  static WebStep step(StepKind kind, const std::string& what, const std::string& why,
                      const std::string& target = "", int ms = 300) {
    return {kind, what, target, "", why, ms, {}};
  }
  static WebRunOptions options() {
    WebRunOptions options;
    options.browser.memory_limit = std::uint64_t{1} << 30;
    options.browser.call_limit = std::chrono::seconds(3);
    return options;
  }
  static WebOutcome try_page(const WebSuite& suite, const std::string& source) {
    const std::vector<WebAttempt> attempts = {{0, "1", source, true}};
    return value_of(try_all(suite, attempts, options(), silent_observer())).front();
  }
  void fails(const WebSuite& suite, const std::string& source, WebFault kind,
             const std::string& reason) {
    const auto result = try_page(suite, source);
    ASSERT_TRUE(result.fault) << "passes: " << source;
    EXPECT_EQ(fault_name(result.fault->kind), fault_name(kind)) << result.fault->reason;
    EXPECT_THAT(result.fault->reason, HasSubstr(reason));
  }
  static std::string page(const std::string& body) {
    return "<!doctype html><html lang=en><title>t</title><body><h1 id=a>Hello</h1>" + body;
  }
};

// Parsing this takes twice as long with every bracket.
TEST_F(Trials, ACompilerThatRunsOutOfTimeIsTheAnswersFault) {
  std::string nested = "1";
  for (int i = 0; i < 40; ++i) nested = "<T>(" + nested + ")";
  const auto source =
      "<script setup lang=\"ts\">\nlet x=" + nested + "\n</script><template><p>hi</p></template>";
  const auto compiled =
      compile_answer(kSuite, WebFormat::kVue, source, true, std::chrono::seconds(3));
  EXPECT_THAT(value_of(compiled).error,
              ::testing::AnyOf(HasSubstr("takes too long"), HasSubstr("takes too much memory")));
}

TEST_F(Trials, EachFaultIsCalledByItsName) {
  auto suite = suite_of(WebFormat::kHtml);
  auto& task = suite.tasks.front();
  EXPECT_TRUE(try_page(suite, page("")).passed());
  fails(suite, "<!doctype html><title>t</title><body>", WebFault::kBlank, "nothing");
  fails(suite, page("<script>throw new Error('my fault')</script>"), WebFault::kScriptError,
        "my fault");
  fails(suite, page("<div style='width:900px'>wide</div>"), WebFault::kOverflow, "at 390 px");
  fails(suite, "<!doctype html><p>only text", WebFault::kInvisible, "#a is not there");
  fails(suite, page("<style>#a{opacity:0}</style><p>x"), WebFault::kInvisible, "transparent");
  fails(suite, page("<style>#a{position:absolute;left:-900px}</style><p>x"), WebFault::kInvisible,
        "off the page");
  fails(suite, page("<style>@media(min-width:1000px){#a{display:none}}</style><p>x"),
        WebFault::kInvisible, "at 1280 px #a is hidden");
  fails(suite, page("<p style='color:#bbb'>faint"), WebFault::kContrast, "color-contrast");
  task.apart = {{"#a", "#b"}};
  fails(suite, page("<p id=b style='position:absolute;top:20px'>over it"), WebFault::kOverlap,
        "#a and #b");
  task.apart = {};
  task.category = "html";
  fails(suite, page("<input>"), WebFault::kAccessibility, "label");
  EXPECT_TRUE(try_page(suite, page("<label>Name <input></label>")).passed());
}

TEST_F(Trials, StepsSeeWhatAPersonSees) {
  auto suite = suite_of(WebFormat::kHtml);
  auto& steps = suite.tasks.front().steps;
  steps = {step(StepKind::kType, "5", "", "label=Amount"),
           step(StepKind::kClick, "", "", "text=Double it"),
           step(StepKind::kExpect, "numbers('#out')[0] === 10", "the amount is not doubled"),
           step(StepKind::kStays, "visible('#out')", "the result does not stay")};
  const auto form = [&](const std::string& script) {
    return page(
        "<label>Amount <input></label><button>Double it</button><p id=out>–</p><script>"
        "document.querySelector('button').onclick = () => { " +
        script + " }</script>");
  };
  const std::string doubles = "out.textContent = 2 * document.querySelector('input').value;";
  EXPECT_TRUE(try_page(suite, form(doubles)).passed());
  EXPECT_TRUE(try_page(suite, form("setTimeout(() => { " + doubles + " }, 100)")).passed());
  fails(suite, form(""), WebFault::kBehaviour, "the amount is not doubled");
  fails(suite, form("out.textContent = 11"), WebFault::kBehaviour, "not doubled");
  fails(suite, form("undefinedThing()"), WebFault::kScriptError, "undefinedThing");
  fails(suite, form(doubles + "setTimeout(() => out.remove(), 150)"), WebFault::kBehaviour,
        "does not stay");
  fails(suite, form("while (true);"), WebFault::kHung, "does not answer");
  fails(suite, form("while (true) alert(1)"), WebFault::kDialogs, "dialogs");
  fails(suite, form(doubles) + "<div style='position:fixed;inset:0;background:#fff1'></div>",
        WebFault::kBehaviour, "is covered by <div>");
}

TEST_F(Trials, HostilePagesFailTheirTaskAlone) {
  const auto suite = suite_of(WebFormat::kHtml);
  const std::vector<WebAttempt> attempts = {
      {0, "loop", page("<script>while (true);</script>"), true},
      {0, "good-1", page(""), true},
      {0, "memory",
       page("<script>const a = []; for (;;) a.push(new Uint8Array(1 << 24).fill(1))</script>"),
       true},
      {0, "dialogs", page("<script>for (;;) confirm('again?')</script>"), true},
      {0, "pops", page("<script>for (let i = 0; i < 50; ++i) open('about:blank')</script>"), true},
      {0, "forks",
       page("<script>for (let i = 0; i < 100; ++i) document.body.append("
            "Object.assign(document.createElement('iframe'), {srcdoc: '<p>x', hidden: "
            "true}))</script>"),
       true},
      {0, "moves", page("<script>location = 'http://example.org/'</script>"), true},
      {0, "good-2", page(""), true}};
  auto two = options();
  two.n_parallel = 2;
  const auto outcomes = value_of(try_all(suite, attempts, two, silent_observer()));
  const auto kind = [&](std::size_t i) {
    return outcomes[i].fault ? fault_name(outcomes[i].fault->kind) : "passed";
  };
  EXPECT_EQ(kind(0), "hung");
  EXPECT_GT(outcomes[0].seconds, 4 * 3.0);  // the limit of the second try
  EXPECT_EQ(kind(1), "passed");
  EXPECT_THAT(std::string(kind(2)), ::testing::AnyOf("memory", "crashed"));
  EXPECT_EQ(kind(3), "dialogs");
  EXPECT_EQ(kind(7), "passed");
}

// One that works for longer than the first limit is no endless loop: the second verdict counts.
TEST_F(Trials, AHangIsTriedAgainWithMoreTime) {
  const auto suite = suite_of(WebFormat::kHtml);
  const auto slow =
      page("<script>const end = Date.now() + 4000; while (Date.now() < end);</script>");
  const auto outcome = try_page(suite, slow);
  EXPECT_TRUE(outcome.passed()) << outcome.fault->reason;
}

TEST_F(Trials, ComponentsAreCompiled) {
  const auto jsx = suite_of(WebFormat::kJsx);
  const std::string component =
      "import { useState } from 'react';\nexport default function App() {\n  const [n, set] = "
      "useState(1);\n  return <h1 id=\"a\" onClick={() => set(n + 1)}>Hello {n}</h1>;\n}\n";
  EXPECT_TRUE(try_page(jsx, component).passed());
  fails(jsx, "import x from '/etc/passwd';\n" + component, WebFault::kBuild, "/etc/passwd");
  fails(jsx, "import { api } from './api';\n" + component, WebFault::kBuild, "./api");
  fails(jsx, "export default function App() { return <h1>", WebFault::kBuild, "");
  fails(jsx, "function App() { return 1 }", WebFault::kBuild, "no default export");
  const auto vue = suite_of(WebFormat::kVue);
  EXPECT_TRUE(try_page(vue,
                       "<script setup lang=\"ts\">const n: number = 3</script>\n<template>"
                       "<h1 id=\"a\">Hello {{ n }}</h1></template>\n<style scoped>h1 { color: "
                       "#222 }</style>\n")
                  .passed());
  EXPECT_TRUE(try_page(vue,
                       "<template><h1 id=\"a\">{{ n }}</h1></template>\n<script>export "
                       "default { data: () => ({ n: 'Hello' }) }</script>\n")
                  .passed());
  fails(vue, "<script src=\"../../../etc/passwd\"></script><template><p/></template>",
        WebFault::kBuild, "loaded from");
  fails(vue, "<template><div></template>", WebFault::kBuild, "");
  const auto svelte = suite_of(WebFormat::kSvelte);
  EXPECT_TRUE(
      try_page(svelte,
               "<script>let n = $state(3);</script>\n<h1 id=\"a\">Hello {n}</h1>\n<style>h1 "
               "{ color: #222 }</style>\n")
          .passed());
  fails(svelte, "<script>import fs from 'fs'; fs.x()</script><h1 id=\"a\">x</h1>", WebFault::kBuild,
        "imports fs");
  fails(svelte, "<h1>{</h1>", WebFault::kBuild, "");
}

TEST_F(Trials, OutcomesAreKeptAndGoneOnWith) {
  const coe::testing::TempDir dir;
  const auto suite = suite_of(WebFormat::kHtml);
  std::vector<WebAttempt> attempts = {{0, "1", "```html\n" + page("</html>") + "```", false},
                                      {0, "2", "no code", false}};
  WebRunOptions options;
  options.pictures = dir / "pictures";
  options.journal = dir / "outcomes.jsonl";
  const auto first = value_of(try_all(suite, attempts, options, silent_observer()));
  EXPECT_TRUE(first[0].passed());
  EXPECT_EQ(first[0].pictures.size(), 3U);
  EXPECT_TRUE(std::filesystem::exists(dir / "pictures" / first[0].pictures[0]));
  EXPECT_EQ(fault_name(first[1].fault->kind), "no-answer");
  // Nothing is tried again: a browser that does not exist is not missed.
  options.browser.program = "/no/such/chromium";
  const auto second = value_of(try_all(suite, attempts, options, silent_observer()));
  EXPECT_EQ(second[0].seconds, first[0].seconds);
  EXPECT_EQ(second[1].fault->reason, first[1].fault->reason);
  attempts[1].text = "```html\n" + page("</html>") + "```";
  expect_error(try_all(suite, attempts, options, silent_observer()), Code::kEngine,
               "/no/such/chromium");
  options.restart = true;
  attempts.resize(1);
  expect_error(try_all(suite, attempts, options, silent_observer()), Code::kEngine,
               "/no/such/chromium");
}

}  // namespace
}  // namespace coe
