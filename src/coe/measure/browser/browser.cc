#include "coe/measure/browser/browser.h"

#include "coe/measure/browser/base64.h"
#include "coe/measure/browser/find_chromium.h"
#include "coe/measure/browser/keys.h"
#include "coe/measure/browser/sandbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace coe {

namespace {

constexpr const char* kAddress = "http://localhost/";
constexpr int kMaxDialog = 10;
constexpr std::chrono::milliseconds kStart{20'000};

std::vector<std::string> chromium_command(const Path& program, const Path& profile, bool boxed) {
  std::vector<std::string> command = {program.string(),
                                      "--headless",
                                      "--remote-debugging-pipe",
                                      fmt::format("--user-data-dir={}", profile.string()),
                                      "--disable-background-networking",
                                      "--disable-background-timer-throttling",
                                      "--disable-component-update",
                                      "--disable-default-apps",
                                      "--disable-extensions",
                                      "--disable-gpu",
                                      "--disable-quic",
                                      "--disable-renderer-backgrounding",
                                      "--disable-sync",
                                      "--font-render-hinting=none",
                                      "--force-color-profile=srgb",
                                      "--hide-scrollbars",
                                      "--js-flags=--max-old-space-size=768",
                                      "--mute-audio",
                                      "--no-default-browser-check",
                                      "--no-first-run",
                                      "--host-resolver-rules=MAP * ~NOTFOUND"};
  if (!boxed && ::getuid() == 0) command.emplace_back("--no-sandbox");
  command.emplace_back("about:blank");
  return command;
}

// Returns what DevTools says of a thrown value, in one line.
std::string exception_text(const Json& details) {
  auto text = details.value("text", std::string("exception"));
  if (const auto thrown = details.find("exception"); thrown != details.end()) {
    const auto said = thrown->value("description", std::string());
    const auto value = thrown->find("value");
    text = !said.empty() ? said : value != thrown->end() ? value->dump() : text;
  }
  return text.substr(0, text.find('\n'));
}

std::string console_text(const Json& params) {
  std::string text;
  for (const auto& argument : params.value("args", Json::array())) {
    const auto value = argument.find("value");
    if (!text.empty()) text += ' ';
    text += value == argument.end() ? argument.value("description", std::string())
            : value->is_string()    ? value->get<std::string>()
                                    : value->dump();
  }
  return text.substr(0, text.find('\n'));
}

constexpr const char* kTell = "coeTell";

// Runs before a page's own scripts and takes what it needs with it, so that they find nothing
// changed. What they hide from the browser it tells of: errors whose default was prevented, and
// what a console.error of theirs is given, which the browser's own is given first.
constexpr const char* kWatch = R"js((name) => {
  const tell = globalThis[name];
  delete globalThis[name];
  if (!tell) return;
  const { setTimeout, String, Reflect } = globalThis;
  const later = (event, what) => setTimeout(() => {
    if (event.defaultPrevented) tell(String(what()));
  }, 0);
  globalThis.addEventListener('error', (event) => {
    if (event.message) later(event, () => event.message);
  }, true);
  globalThis.addEventListener('unhandledrejection',
                              (event) => later(event, () => event.reason), true);
  const native = console.error;
  let current = native;
  Object.defineProperty(console, 'error', {
    configurable: true,
    enumerable: true,
    get: () => current,
    set: (own) => {
      current = typeof own !== 'function' || own === native ? own : function (...words) {
        Reflect.apply(native, console, words);
        return Reflect.apply(own, this, words);
      };
    },
  });
})js";

Json auto_attach() {
  return {{"autoAttach", true}, {"waitForDebuggerOnStart", true}, {"flatten", true}};
}

}  // namespace

Browser::Browser(const BrowserOptions& options, std::unique_ptr<DevTools> devtools, Path profile)
    : options_(options), devtools_(std::move(devtools)), profile_(std::move(profile)) {
  devtools_->on_event(
      [this](const std::string& method, const Json& params) { on_event(method, params); });
}

Browser::~Browser() {
  devtools_.reset();
  std::error_code ec;
  if (!profile_.empty()) std::filesystem::remove_all(profile_, ec);
}

Result<std::unique_ptr<Browser>> Browser::launch(const BrowserOptions& options) {
  COE_TRY(const auto program, find_chromium(options.program));
  Path profile;
  std::vector<std::string> command;
  if (options.sandbox) {
    COE_TRY(command,
            sandboxed(chromium_command(program, "/tmp/profile", true), folders_of(program)));
  } else {
    std::string folder = (std::filesystem::temp_directory_path() / "coe-browser-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) return tl::unexpected(io_error(folder, "create"));
    profile = folder;
    command = chromium_command(program, profile, false);
  }
  COE_TRY(auto devtools, DevTools::start(command, options.memory_limit));
  std::unique_ptr<Browser> browser(new Browser(options, std::move(devtools), profile));
  const auto version = browser->devtools_->call("Browser.getVersion", Json::object(), "",
                                                DevTools::Clock::now() + kStart);
  if (!version)
    return fail(Code::kEngine, fmt::format("{} does not start", program.string()),
                "try it by hand: " + program.string() + " --headless --dump-dom about:blank");
  return browser;
}

DevTools::Clock::time_point Browser::deadline() const {
  return std::min(page_deadline_, DevTools::Clock::now() + options_.call_limit);
}

Result<Json> Browser::call(const std::string& method, const Json& params) {
  return devtools_->call(method, params, session_, deadline());
}

Status Browser::order(const std::string& method, const Json& params) {
  return call(method, params).map([](const auto&) {});
}

Result<Json> Browser::call_browser(const std::string& method, const Json& params) {
  return devtools_->call(method, params, "", deadline());
}

void Browser::on_request(const Json& params) {
  const std::string url = params.at("request").value("url", std::string());
  const auto& id = params.at("requestId");
  const auto is_page = [&] {
    const std::string_view rest =
        std::string_view(url).substr(std::min(url.size(), std::string_view(kAddress).size()));
    return url.starts_with(kAddress) && params.value("resourceType", "") == "Document" &&
           (rest.empty() || rest.front() == '?' || rest.front() == '#');
  };
  if (is_page()) {
    devtools_->send(
        "Fetch.fulfillRequest",
        {{"requestId", id},
         {"responseCode", 200},
         {"responseHeaders",
          Json::array({{{"name", "Content-Type"}, {"value", "text/html; charset=utf-8"}}})},
         {"body", base64_encode(html_)}},
        session_);
    return;
  }
  if (url.starts_with("data:") || url.starts_with("blob:")) {
    devtools_->send("Fetch.continueRequest", {{"requestId", id}}, session_);
    return;
  }
  if (!url.ends_with("/favicon.ico") && blocked_.size() < 100) blocked_.push_back(url);
  devtools_->send("Fetch.failRequest", {{"requestId", id}, {"errorReason", "BlockedByClient"}},
                  session_);
}

void Browser::on_event(const std::string& method, const Json& params) {
  if (method == "Fetch.requestPaused") {
    on_request(params);
  } else if (method == "Page.loadEventFired") {
    loaded_ = true;
  } else if (method == "Page.frameNavigated") {
    if (!params.at("frame").contains("parentId")) {
      frame_ = params.at("frame").value("id", frame_);
      world_.reset();
    }
  } else if (method == "Page.javascriptDialogOpening") {
    if (++n_dialog_ > kMaxDialog) devtools_->set_fault(PageFault::kDialogs);
    devtools_->send("Page.handleJavaScriptDialog",
                    {{"accept", true}, {"promptText", params.value("defaultPrompt", "")}},
                    session_);
  } else if (method == "Inspector.targetCrashed" || method == "Target.targetCrashed") {
    devtools_->set_fault(PageFault::kCrashed);
  } else if (method == "Target.targetCreated") {
    const auto& info = params.at("targetInfo");
    if (info.contains("openerId"))
      devtools_->send("Target.closeTarget", {{"targetId", info.at("targetId")}}, "");
  } else if (method == "Target.attachedToTarget") {
    on_attached(params);
  } else {
    on_script_event(method, params);
  }
}

void Browser::on_script_event(const std::string& method, const Json& params) {
  constexpr std::size_t kMaxError = 100;
  if (script_errors_.size() >= kMaxError) return;
  if (method == "Runtime.exceptionThrown") {
    script_errors_.push_back(exception_text(params.at("exceptionDetails")));
  } else if (method == "Runtime.consoleAPICalled") {
    if (params.value("type", "") == "error" || params.value("type", "") == "assert")
      script_errors_.push_back("console: " + console_text(params));
  } else if (method == "Runtime.bindingCalled" && params.value("name", "") == kTell) {
    const auto said = params.value("payload", std::string());
    script_errors_.push_back("hidden: " + said.substr(0, said.find('\n')));
  }
}

// A worker waits until it is watched. It may have workers of its own.
void Browser::on_attached(const Json& params) {
  const auto session = params.value("sessionId", std::string());
  if (session.empty() || params.at("targetInfo").value("type", "") == "page") return;
  devtools_->send("Runtime.enable", Json::object(), session);
  devtools_->send("Target.setAutoAttach", auto_attach(), session);
  devtools_->send("Runtime.runIfWaitingForDebugger", Json::object(), session);
}

Status Browser::watch_errors() {
  COE_TRY_STATUS(order("Runtime.addBinding", {{"name", kTell}}));
  COE_TRY_STATUS(order("Page.addScriptToEvaluateOnNewDocument",
                       {{"source", fmt::format("({})('{}')", kWatch, kTell)}}));
  return order("Target.setAutoAttach", auto_attach());
}

Status Browser::open(std::string_view html, WindowSize size) {
  page_deadline_ = DevTools::Clock::now() + options_.page_limit;
  if (!target_.empty()) {
    devtools_->processor_time();  // looked at before the old page's process ends
    COE_TRY_STATUS(call_browser("Target.disposeBrowserContext", {{"browserContextId", context_}})
                       .map([](const auto&) {}));
    target_.clear();
  }
  html_ = html;
  n_dialog_ = 0;
  script_errors_.clear();
  blocked_.clear();
  world_.reset();
  COE_TRY(const auto context, call_browser("Target.createBrowserContext", Json::object()));
  context_ = context.at("browserContextId");
  COE_TRY_STATUS(
      call_browser("Target.setDiscoverTargets", {{"discover", true}}).map([](const auto&) {}));
  COE_TRY(const auto target, call_browser("Target.createTarget", {{"url", "about:blank"},
                                                                  {"browserContextId", context_},
                                                                  {"width", size.width},
                                                                  {"height", size.height}}));
  target_ = target.at("targetId");
  COE_TRY(const auto session,
          call_browser("Target.attachToTarget", {{"targetId", target_}, {"flatten", true}}));
  session_ = session.at("sessionId");
  for (const auto* domain : {"Page.enable", "Runtime.enable", "Inspector.enable"})
    COE_TRY_STATUS(order(domain));
  COE_TRY_STATUS(watch_errors());
  COE_TRY_STATUS(order("Fetch.enable", {{"patterns", Json::array({{{"urlPattern", "*"}}})}}));
  COE_TRY_STATUS(call_browser("Browser.setDownloadBehavior",
                              {{"behavior", "deny"}, {"browserContextId", context_}})
                     .map([](const auto&) {}));
  COE_TRY_STATUS(resize(size));
  loaded_ = false;
  COE_TRY_STATUS(order("Page.navigate", {{"url", kAddress}}));
  return settle();
}

Status Browser::reload() {
  loaded_ = false;
  COE_TRY_STATUS(order("Page.reload"));
  return settle();
}

// The page has loaded, its fonts are there, and two frames were drawn.
Status Browser::settle() {
  COE_TRY_STATUS(devtools_->wait([this] { return loaded_; }, deadline()));
  return evaluate(
             "document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(() => "
             "requestAnimationFrame(() => done(true)))))")
      .map([](const auto&) {});
}

Status Browser::make_world() {
  if (frame_.empty()) {
    COE_TRY(const auto tree, call("Page.getFrameTree"));
    frame_ = tree.at("frameTree").at("frame").at("id");
  }
  COE_TRY(const auto world,
          call("Page.createIsolatedWorld", {{"frameId", frame_}, {"worldName", "coe"}}));
  world_ = world.at("executionContextId").get<int>();
  if (options_.helpers.empty()) return {};
  return order("Runtime.evaluate", {{"expression", options_.helpers}, {"contextId", *world_}});
}

Result<Json> Browser::evaluate(const std::string& expression) {
  for (int attempt = 0;; ++attempt) {
    if (!world_) COE_TRY_STATUS(make_world());
    auto found = call("Runtime.evaluate", {{"expression", expression},
                                           {"contextId", *world_},
                                           {"returnByValue", true},
                                           {"awaitPromise", true}});
    if (!found) {
      // The page went elsewhere meanwhile, and its worlds with it.
      const bool again = found.error().code == Code::kEngine && attempt == 0;
      if (!again) return tl::unexpected(std::move(found).error());
      world_.reset();
      continue;
    }
    if (const auto thrown = found->find("exceptionDetails"); thrown != found->end())
      return fail(Code::kInvalidArgument, exception_text(*thrown));
    return found->at("result").value("value", Json());
  }
}

Status Browser::resize(WindowSize size) {
  return order("Emulation.setDeviceMetricsOverride", {{"width", size.width},
                                                      {"height", size.height},
                                                      {"deviceScaleFactor", 1},
                                                      {"mobile", false}});
}

Result<std::string> Browser::screenshot() {
  COE_TRY(const auto shot, call("Page.captureScreenshot", {{"format", "png"}}));
  return base64_decode(shot.at("data").get_ref<const std::string&>());
}

Status Browser::mouse_event(const char* type, PagePoint at, bool pressed, int n_click) {
  return order("Input.dispatchMouseEvent", {{"type", type},
                                            {"x", at.x},
                                            {"y", at.y},
                                            {"button", pressed || n_click > 0 ? "left" : "none"},
                                            {"buttons", pressed ? 1 : 0},
                                            {"clickCount", n_click}});
}

Status Browser::move_mouse(PagePoint to, bool pressed) {
  return mouse_event("mouseMoved", to, pressed, 0);
}

Status Browser::press_mouse(PagePoint at, int n_click) {
  return mouse_event("mousePressed", at, true, n_click);
}

Status Browser::release_mouse(PagePoint at, int n_click) {
  return mouse_event("mouseReleased", at, false, n_click);
}

Status Browser::key_event(const char* type, const Json& key) {
  auto event = key;
  event["type"] = type;
  return order("Input.dispatchKeyEvent", event);
}

Status Browser::press_key(const std::string& key) {
  COE_TRY(const auto events, key_events(key));
  COE_TRY_STATUS(key_event(events.down.contains("text") ? "keyDown" : "rawKeyDown", events.down));
  return key_event("keyUp", events.up);
}

Status Browser::type(const std::string& text) {
  for (const auto& character : characters_of(text))
    COE_TRY_STATUS(press_key(character == "\n" ? "Enter" : character));
  return {};
}

Status Browser::wait(std::chrono::milliseconds time) {
  const auto until = DevTools::Clock::now() + time;
  return devtools_->wait([&] { return DevTools::Clock::now() >= until; },
                         until + options_.call_limit);
}

}  // namespace coe
