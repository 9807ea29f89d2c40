// A browser shows one page at a time in headless Chromium, in a sandbox without a network.
#pragma once

#include "coe/base/file.h"
#include "coe/base/process/child_process.h"
#include "coe/base/result.h"
#include "coe/measure/browser/devtools.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct BrowserOptions {
  Path program;         // empty: Chromium as it is found in PATH
  bool sandbox = true;  // bubblewrap around it
  // The page is given up when the browser with all its processes takes more.
  std::uint64_t memory_limit = std::uint64_t{1536} << 20;
  std::chrono::milliseconds call_limit{6'000};   // for anything that the page is asked
  std::chrono::milliseconds page_limit{30'000};  // from open() on
  std::string helpers;  // JavaScript, evaluated once in the world of evaluate() on each page
};

struct WindowSize {
  int width = 1280;
  int height = 800;
};

struct PagePoint {
  double x = 0.0;
  double y = 0.0;
};

class Browser {
 public:
  // Errors: kEngine where Chromium or bubblewrap is not installed or does not start; kIo.
  static Result<std::unique_ptr<Browser>> launch(const BrowserOptions& options);
  ~Browser();

  // Errors of all calls below: kCheckFailed with fault() set when the page hangs, crashes, takes
  // too much memory or opens dialogs without end, after which this browser is of no more use;
  // kEngine for what the browser refuses.

  // Shows `html` as http://localhost/ with storage of its own, and waits until it has loaded and
  // been drawn. Nothing else that the page asks for is delivered.
  Status open(std::string_view html, WindowSize size);
  Status reload();
  // Evaluates an expression, and waits for the value of a promise. It runs in a world beside the
  // page's, which has the same document but no variable or built-in of the page. Errors: also
  // kInvalidArgument for what it throws.
  Result<Json> evaluate(const std::string& expression);
  Status resize(WindowSize size);
  Result<std::string> screenshot();  // PNG of the window

  Status move_mouse(PagePoint to, bool pressed = false);
  Status press_mouse(PagePoint at, int n_click = 1);
  Status release_mouse(PagePoint at, int n_click = 1);
  // "Enter", "Shift+Tab", "a". Errors: kInvalidArgument for a name that is no key.
  Status press_key(const std::string& key);
  // Presses the keys for each character; a newline is Enter.
  Status type(const std::string& text);
  // Takes in what the page does meanwhile.
  Status wait(std::chrono::milliseconds time);

  // Exceptions, rejections and console errors of the page and its workers are gathered here since
  // open(), those too that the page hides by preventDefault or a console.error of its own.
  const std::vector<std::string>& script_errors() const { return script_errors_; }
  // Addresses that the page asked for and did not get.
  const std::vector<std::string>& blocked() const { return blocked_; }
  PageFault fault() const { return devtools_->fault(); }
  std::uint64_t peak_memory() const { return devtools_->peak_memory(); }
  // What the browser had of the processors since its start, for all its pages.
  ProcessorTime processor_time() { return devtools_->processor_time(); }

 private:
  Browser(const BrowserOptions& options, std::unique_ptr<DevTools> devtools, Path profile);
  DevTools::Clock::time_point deadline() const;
  Result<Json> call(const std::string& method, const Json& params = Json::object());
  Status order(const std::string& method, const Json& params = Json::object());  // call, no result
  Status mouse_event(const char* type, PagePoint at, bool pressed, int n_click);
  Result<Json> call_browser(const std::string& method, const Json& params);
  void on_event(const std::string& method, const Json& params);
  void on_request(const Json& params);
  void on_script_event(const std::string& method, const Json& params);
  void on_attached(const Json& params);
  Status watch_errors();
  Status settle();
  Status make_world();
  Status key_event(const char* type, const Json& key);

  BrowserOptions options_;
  std::unique_ptr<DevTools> devtools_;
  Path profile_;  // a folder to remove; empty inside the sandbox
  std::string context_;
  std::string target_;
  std::string session_;
  std::string frame_;
  std::optional<int> world_;
  std::string html_;
  bool loaded_ = false;
  int n_dialog_ = 0;
  std::vector<std::string> script_errors_;
  std::vector<std::string> blocked_;
  DevTools::Clock::time_point page_deadline_;
};

}  // namespace coe
