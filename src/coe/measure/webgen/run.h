// Many answers tried, side by side.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/measure/browser/browser.h"
#include "coe/measure/webgen/outcome.h"
#include "coe/measure/webgen/task.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace coe {

struct WebAttempt {
  std::size_t task = 0;  // in the suite
  std::string name;      // names it among those of the task: "1", or a mutant's name
  std::string text;
  bool is_source = false;  // the file itself, not a model's reply
};

struct WebRunOptions {
  BrowserOptions browser;
  unsigned n_parallel = 0;  // browsers at a time; 0: as many as cores, at most 8
  Path pictures;            // folder for screenshots, made if it is not there; empty: none are kept
  Path journal;             // outcomes so far: what is in it is not tried again; empty: none
  bool restart = false;     // forget what the journal holds
};

// In the order of `attempts`. Outcomes in the journal count when suite and text are the same. What
// fails while the machine is too busy is tried again at the end, one browser at a time, and where
// that did not help is in no journal.
// Errors: kEngine where browser or toolchain cannot be started; kCancelled;
// kIo; those of WebJournal::open.
Result<std::vector<WebOutcome>> try_all(const WebSuite& suite, std::span<const WebAttempt> attempts,
                                        const WebRunOptions& options, Observer& observer);

}  // namespace coe
