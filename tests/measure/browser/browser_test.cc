#include "coe/measure/browser/browser.h"

#include "coe/measure/browser/image.h"

#include "support/expect.h"
#include "support/needs_browser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

namespace coe {
namespace {

using namespace std::chrono_literals;
using coe::testing::expect_ok;
using coe::testing::value_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BrowserTest : public ::testing::Test {
 protected:
  void SetUp() override {
    COE_NEEDS_BROWSER();
    browser_ = value_of(Browser::launch(options_));
  }
  Json eval(const std::string& expression) { return value_of(browser_->evaluate(expression)); }
  static std::string page(const std::string& body) {
    return "<!doctype html><html lang=en><title>t</title><body>" + body;
  }

  BrowserOptions options_{.program = {},
                          .memory_limit = std::uint64_t{1} << 30,
                          .call_limit = 3s,
                          .page_limit = 30s,
                          .helpers = "globalThis.twice = (x) => 2 * x"};
  std::unique_ptr<Browser> browser_;
};

TEST_F(BrowserTest, EvaluatesBesideThePage) {
  expect_ok(
      browser_->open(page("<p id=p>Hi</p><script>var mine = 1; document.querySelector = () => null;"
                          "Array.prototype.map = () => 'broken'</script>"),
                     {}));
  EXPECT_EQ(eval("document.querySelector('#p').textContent"), "Hi");
  EXPECT_EQ(eval("typeof mine"), "undefined");
  EXPECT_EQ(eval("[1, 2].map(twice)"), Json({2, 4}));
  EXPECT_EQ(eval("Promise.resolve({a: [1]})"), Json({{"a", {1}}}));
  EXPECT_EQ(eval("isSecureContext && location.href"), "http://localhost/");
  coe::testing::expect_error(browser_->evaluate("nothing.at.all"), Code::kInvalidArgument,
                             "ReferenceError");
  EXPECT_THAT(browser_->script_errors(), IsEmpty());
}

TEST_F(BrowserTest, CollectsWhatScriptsDoWrong) {
  expect_ok(browser_->open(page("<script>console.log('fine'); console.error('bad', 3); "
                                "Promise.reject(new Error('no'))</script>"
                                "<script>undefinedThing()</script>"),
                           {}));
  expect_ok(browser_->wait(50ms));
  EXPECT_THAT(browser_->script_errors(),
              ::testing::UnorderedElementsAre("console: bad 3", HasSubstr("no"),
                                              HasSubstr("undefinedThing is not defined")));
  expect_ok(browser_->open(page("quiet"), {}));
  EXPECT_THAT(browser_->script_errors(), IsEmpty());
}

// What a page keeps from the console has happened all the same.
TEST_F(BrowserTest, CollectsWhatPagesHide) {
  const auto errors_of = [&](const std::string& script) {
    expect_ok(browser_->open(page("<script>" + script + "</script>"), {}));
    expect_ok(browser_->wait(300ms));
    return browser_->script_errors();
  };
  EXPECT_THAT(errors_of("addEventListener('error', (e) => e.preventDefault()); lost()"),
              ElementsAre(HasSubstr("lost is not defined")));
  EXPECT_THAT(errors_of("window.onerror = () => true; throw new Error('away')"),
              ElementsAre(HasSubstr("away")));
  EXPECT_THAT(errors_of("addEventListener('unhandledrejection', (e) => e.preventDefault());"
                        "Promise.reject(new Error('gone'))"),
              ElementsAre(HasSubstr("gone")));
  EXPECT_THAT(errors_of("console.error = () => {}; console.error('mute')"),
              ElementsAre("console: mute"));
  EXPECT_THAT(errors_of("const code = 'throw new Error(\"at work\")';"
                        "new Worker(URL.createObjectURL(new Blob([code])))"),
              ::testing::Contains(HasSubstr("at work")));
  EXPECT_THAT(errors_of("addEventListener('error', (e) => e.stopImmediatePropagation(), true);"
                        "throw new Error('stopped')"),
              ElementsAre(HasSubstr("stopped")));
  EXPECT_THAT(errors_of("const frame = document.createElement('iframe');"
                        "frame.srcdoc = '<script>throw new Error(\"inside\")<\\/script>';"
                        "document.documentElement.append(frame)"),
              ::testing::Contains(HasSubstr("inside")));
  EXPECT_THAT(errors_of("console.assert(false, 'not so')"), ElementsAre("console: not so"));
  EXPECT_THAT(errors_of("console.error = console.error.bind(console); addEventListener('error', () "
                        "=> 1); window.fine = typeof coeTell"),
              IsEmpty());
}

// Half of a character is no JSON, but what the page said is known.
TEST_F(BrowserTest, ReadsMessagesWithHalvesOfCharacters) {
  expect_ok(browser_->open(page("<script>console.error('cut \\ud83d here')</script>"), {}));
  EXPECT_THAT(browser_->script_errors(), ElementsAre(HasSubstr("here")));
  EXPECT_EQ(eval("'\\ude00'.length"), 1);
  EXPECT_FALSE(eval("'a\\ud83d'").is_null());
}

TEST(ParseMessage, MendsHalvesAndNothingElse) {
  EXPECT_EQ(parse_message(R"({"a":"\ud83d"})"), (Json{{"a", "\ufffd"}}));
  EXPECT_EQ(parse_message(R"({"a":"\ud83d\ude00\ude00x"})"), (Json{{"a", "\U0001f600\ufffdx"}}));
  EXPECT_EQ(parse_message(R"({"a":"\\ud83d","b":"\ud83d"})"),
            (Json{{"a", "\\ud83d"}, {"b", "\ufffd"}}));
  EXPECT_TRUE(parse_message("[1]").is_discarded());
  EXPECT_TRUE(parse_message("{").is_discarded());
}

TEST_F(BrowserTest, LoadsNothingFromElsewhere) {
  expect_ok(browser_->open(
      page("<img src='http://example.org/a.png'><img src='file:///etc/hostname'><img id=d "
           "src='data:image/svg+xml,<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"7\" "
           "height=\"7\"/>'><script src='/other.js'></script>"),
      {}));
  EXPECT_THAT(browser_->blocked(),
              ::testing::IsSupersetOf({"http://example.org/a.png", "http://localhost/other.js"}));
  EXPECT_EQ(eval("document.querySelector('#d').naturalWidth"), 7);
  EXPECT_EQ(eval("fetch('http://localhost:1/x').then(() => 'came', () => 'refused')"), "refused");
  EXPECT_EQ(eval("new Promise((done) => { const s = new WebSocket('ws://127.0.0.1:80'); "
                 "s.onopen = () => done('open'); s.onerror = () => done('refused'); })"),
            "refused");
  EXPECT_THAT(browser_->script_errors(), IsEmpty());
}

TEST_F(BrowserTest, EachPageHasStorageOfItsOwnThatAReloadKeeps) {
  expect_ok(browser_->open(page("<script>localStorage.n = Number(localStorage.n ?? 0) + 1;"
                                "document.body.append(localStorage.n)</script>"),
                           {}));
  EXPECT_EQ(eval("document.body.innerText.trim()"), "1");
  expect_ok(browser_->reload());
  EXPECT_EQ(eval("document.body.innerText.trim()"), "2");
  expect_ok(browser_->open(page("<script>document.body.append(localStorage.length)</script>"), {}));
  EXPECT_EQ(eval("document.body.innerText.trim()"), "0");
}

TEST_F(BrowserTest, MouseAndKeysAreThoseOfAPerson) {
  expect_ok(browser_->open(
      page("<style>body{margin:0}</style><button style='position:absolute;left:0;top:0;width:100px;"
           "height:50px' onclick=\"log('click ' + event.isTrusted)\" ondblclick=\"log('double')\">"
           "b</button><input style='position:absolute;top:100px' onkeydown=\"log(event.key + "
           "(event.ctrlKey ? ' ctrl' : '') + (event.shiftKey ? ' shift' : ''))\"><pre id=l></pre>"
           "<script>function log(x) { l.append(x + '\\n') }</script>"),
      {}));
  const auto log = [&] { return eval("document.querySelector('#l').textContent"); };
  const PagePoint button{50, 25};
  expect_ok(browser_->move_mouse(button));
  for (int n = 1; n <= 2; ++n) {
    expect_ok(browser_->press_mouse(button, n));
    expect_ok(browser_->release_mouse(button, n));
  }
  EXPECT_EQ(log(), "click true\nclick true\ndouble\n");
  eval("document.querySelector('#l').textContent = ''");
  const PagePoint input{20, 110};
  expect_ok(browser_->press_mouse(input));
  expect_ok(browser_->release_mouse(input));
  expect_ok(browser_->type("aB é"));
  EXPECT_EQ(eval("document.querySelector('input').value"), "aB é");
  EXPECT_EQ(log(), "a\nB\n \né\n");
  eval("document.querySelector('#l').textContent = ''");
  for (const auto* key : {"Control+a", "Shift+Tab", "Enter", "ArrowDown"})
    expect_ok(browser_->press_key(key));
  EXPECT_THAT(log().get<std::string>(), HasSubstr("a ctrl\nTab shift\n"));
  coe::testing::expect_error(browser_->press_key("NoKey"), Code::kInvalidArgument, "NoKey");
}

TEST_F(BrowserTest, ControlASelectsAndControlZUndoes) {
  expect_ok(browser_->open(page("<input autofocus>"), {}));
  eval("document.querySelector('input').focus()");
  expect_ok(browser_->type("one"));
  expect_ok(browser_->press_key("Control+a"));
  expect_ok(browser_->type("two"));
  EXPECT_EQ(eval("document.querySelector('input').value"), "two");
  expect_ok(browser_->press_key("Control+z"));
  EXPECT_NE(eval("document.querySelector('input').value"), "two");
}

TEST_F(BrowserTest, ScreenshotsHaveTheWindowsSize) {
  expect_ok(browser_->open(page("<body style='background:#0a0'>"), {640, 480}));
  auto image = value_of(decode_png(value_of(browser_->screenshot())));
  EXPECT_EQ(image.width, 640U);
  EXPECT_EQ(image.height, 480U);
  EXPECT_THAT(std::vector<int>(image.rgba.begin(), image.rgba.begin() + 4),
              ElementsAre(0, 170, 0, 255));
  EXPECT_EQ(drawn_share(image), 0.0);
  expect_ok(browser_->resize({390, 300}));
  image = value_of(decode_png(value_of(browser_->screenshot())));
  EXPECT_EQ(image.width, 390U);
  EXPECT_EQ(eval("innerWidth"), 390);
}

TEST_F(BrowserTest, AFormThatIsSentShowsThePageAgain) {
  expect_ok(browser_->open(page("<form><input name=q><button id=b>go</button></form>"), {}));
  eval("document.querySelector('#b').click()");
  expect_ok(browser_->wait(300ms));
  EXPECT_EQ(eval("location.search"), "?q=");
  EXPECT_EQ(eval("twice(4)"), 8);
}

TEST_F(BrowserTest, AFewDialogsAreAcceptedAndManyAreAFault) {
  expect_ok(browser_->open(page("<script>document.title = confirm('sure?') + prompt('x', 'y'); "
                                "alert('done')</script>"),
                           {}));
  EXPECT_EQ(eval("document.title"), "truey");
  coe::testing::expect_error(browser_->open(page("<script>while (true) alert(1)</script>"), {}),
                             Code::kCheckFailed, "dialogs");
  EXPECT_EQ(browser_->fault(), PageFault::kDialogs);
}

TEST_F(BrowserTest, APageThatHangsIsGivenUp) {
  const auto start = std::chrono::steady_clock::now();
  coe::testing::expect_error(browser_->open(page("<script>while (true);</script>"), {}),
                             Code::kCheckFailed, "does not answer");
  EXPECT_EQ(browser_->fault(), PageFault::kHung);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 15s);
  coe::testing::expect_error(browser_->screenshot(), Code::kCheckFailed, "does not answer");
}

TEST_F(BrowserTest, APageThatHangsLaterIsGivenUp) {
  expect_ok(browser_->open(page("<script>setTimeout(() => { while (true); }, 300)</script>"), {}));
  expect_ok(browser_->wait(400ms));
  coe::testing::expect_error(browser_->evaluate("1"), Code::kCheckFailed, "does not answer");
}

TEST_F(BrowserTest, APageThatTakesAllMemoryIsGivenUp) {
  for (const auto* script :
       {"const a = []; while (true) a.push(new Uint8Array(1 << 24).fill(1));",
        "const a = []; while (true) a.push(new Array(100000).fill(Math.random()).join());"}) {
    browser_ = value_of(Browser::launch(options_));
    const auto opened = browser_->open(page("<script>" + std::string(script) + "</script>"), {});
    ASSERT_FALSE(opened);
    EXPECT_THAT(browser_->fault(),
                ::testing::AnyOf(PageFault::kMemory, PageFault::kCrashed, PageFault::kHung));
    EXPECT_LT(browser_->peak_memory(), 3 * options_.memory_limit);
  }
}

TEST_F(BrowserTest, ABrowserThatEndsIsSaidToHaveCrashed) {
  expect_ok(browser_->open(page("x"), {}));
  BrowserOptions options = options_;
  options.program = "/no/such/chromium";
  coe::testing::expect_error(Browser::launch(options), Code::kEngine, "/no/such/chromium");
  options.program = "/bin/true";
  coe::testing::expect_error(Browser::launch(options), Code::kEngine, "does not start");
}

}  // namespace
}  // namespace coe
