// These are the tasks of the web suite. The format: docs/formats/web-task.md.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

enum class WebFormat : std::uint8_t { kHtml, kJsx, kVue, kSvelte };
std::string_view format_name(WebFormat format);  // "html", "jsx", "vue", "svelte"

// An answer fails by one of these.
enum class WebFault : std::uint8_t {
  kNoAnswer,
  kBuild,
  kLoad,
  kBlank,
  kScriptError,
  kOverflow,
  kInvisible,
  kOverlap,
  kContrast,
  kAccessibility,
  kBehaviour,
  kPicture,
  kHung,
  kCrashed,
  kMemory,
  kDialogs,
};
std::string_view fault_name(WebFault fault);  // "no-answer", "build", …
std::optional<WebFault> fault_from_name(std::string_view name);

enum class StepKind : std::uint8_t {
  kExpect,
  kStays,
  kClick,
  kDoubleClick,
  kHover,
  kType,
  kSet,
  kSelect,
  kPress,
  kDrag,
  kScroll,
  kWait,
  kResize,
  kReload,
  kShoot,
  kDiffer,
  kSame,
};

// As task.json calls it: "click", "expect", …
std::string_view step_name(StepKind kind);
// Whether a step does something to the page, as a person would: it neither looks nor waits.
bool is_action(StepKind kind);
// Whether the answer fails when a step does not find what it says.
bool is_check(StepKind kind);

struct WebStep {
  StepKind kind = StepKind::kExpect;
  std::string what;            // expression, text, value, key, or the name of a screenshot
  std::string target;          // of what is done to an element; kDrag: where from
  std::string other;           // kDrag: where to; kDiffer, kSame: the second screenshot
  std::string why;             // what it means when it fails
  int ms = 0;                  // kExpect: within; kStays: for; kWait
  std::pair<int, int> size{};  // kResize
};

struct WebMutant {
  std::string name;
  std::string why;
  std::string source;
  WebFault kind = WebFault::kBehaviour;
  std::string about;
};

struct WebTask {
  std::string id;  // name of its folder
  std::string title;
  std::string category;
  WebFormat format = WebFormat::kHtml;
  std::string prompt;
  std::vector<std::string> elements;
  std::vector<std::vector<std::string>> apart;
  std::vector<WebStep> steps;
  std::string reference;
  std::vector<WebMutant> mutants;
};

// Results are listed in this order.
inline constexpr std::array<std::string_view, 6> kWebCategories = {"css", "react", "svelte",
                                                                   "vue", "html",  "javascript"};

struct WebSuite {
  Path folder;
  std::vector<WebTask> tasks;  // by category, then by name
  std::string helpers;         // page.js
  std::string digest;          // of tasks, helpers and toolchain
};

// These read a task's files (docs/formats/web-task.md). task.json gives the task without `id`,
// `reference` and `mutants`; the entries of mutants.json change the reference. `where` names the
// file in messages. Errors: kCorrupt, with key and step or mutant; kUnsupported for another schema.
Result<WebTask> parse_web_task(std::string_view text, const std::string& where);
Result<std::vector<WebMutant>> parse_web_mutants(std::string_view text,
                                                 const std::string& reference,
                                                 const std::string& where);

// `folder` is the suite's, with tasks/, page.js and toolchain/. `only` has names of tasks or
// categories; empty, it means all. Errors: kNotFound, also for a name in `only` that does not
// exist; kCorrupt, with task, key and step.
Result<WebSuite> load_web_suite(const Path& folder, std::span<const std::string> only = {});

// Returns what a model is asked: the task's prompt and how to reply.
std::string web_prompt(const WebTask& task);

}  // namespace coe
