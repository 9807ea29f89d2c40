// This tries an answer in a browser.
#pragma once

#include "coe/base/result.h"
#include "coe/measure/browser/browser.h"
#include "coe/measure/webgen/task.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coe {

struct TrialFault {
  WebFault kind = WebFault::kBehaviour;
  std::string reason;  // in words
  int step = 0;        // 1 for the first; 0: none of the steps
};

struct TrialPicture {
  std::string name;  // "390", "768", "1280", or as the step calls it
  std::string png;
};

struct TrialResult {
  std::optional<TrialFault> fault;  // none: passed
  std::vector<TrialPicture> pictures;
  std::vector<std::string> blocked;  // addresses that the page asked for and did not get
  double seconds = 0.0;
  std::uint64_t peak_memory = 0;
  // The machine had other things to do, or may have had: a fault says nothing of the answer.
  bool starved = false;

  bool passed() const { return !fault.has_value(); }
};

// Says whether a browser that ran and waited so long between two looks was kept from its work: it
// waited for longer than it ran, times `patience`, for so much more time it was given.
bool is_starved(const ProcessorTime& before, const ProcessorTime& after, int patience = 1);

// Tries answers one after another, each on a page of its own; a browser that a page has broken is
// replaced by a new one.
class Tester {
 public:
  // `suite` must outlive the tester. `axe` is the source of axe-core. All limits of time are longer
  // by the factor `patience`.
  Tester(const WebSuite& suite, BrowserOptions options, std::string axe, int patience = 1);

  // Errors: kEngine where the browser or the toolchain cannot be started. Nothing that an answer
  // can do is an error.
  Result<TrialResult> try_answer(const WebTask& task, const std::string& source);
  // Tries what a model wrote, after looking for the code in it.
  Result<TrialResult> try_reply(const WebTask& task, const std::string& reply);

 private:
  Result<TrialResult> run(const WebTask& task, const std::string& html);

  const WebSuite& suite_;
  BrowserOptions options_;
  std::string axe_;
  int patience_;
  std::unique_ptr<Browser> browser_;
};

// Reads axe-core from the suite's toolchain. Errors: kEngine where it is not installed.
Result<std::string> axe_source(const Path& suite_folder);

}  // namespace coe
