// An outcome is what trying an answer came to; the journal keeps it: one line each, so that a run
// can be killed at any moment and goes on where it was.
#pragma once

#include "coe/base/file.h"
#include "coe/base/journal/journal_file.h"
#include "coe/base/result.h"
#include "coe/measure/webgen/trial.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

struct WebOutcome {
  std::size_t task = 0;               // in the suite; not in the journal
  std::string name;                   // of the attempt; not in the journal
  std::optional<TrialFault> fault;    // none: passed
  std::vector<std::string> pictures;  // file names in the folder of pictures
  std::vector<std::string> blocked;
  double seconds = 0.0;
  std::uint64_t peak_memory = 0;

  bool passed() const { return !fault.has_value(); }
};

// `key`: what the outcome is of.
std::string outcome_line(std::string_view key, const WebOutcome& outcome);
// Key and outcome; nothing for a line that holds none.
std::optional<std::pair<std::string, WebOutcome>> parse_outcome_line(std::string_view line);

class WebJournal {
 public:
  // `path` empty: nothing is known and nothing kept. Outcomes count for one suite, of which `suite`
  // is the digest: what the file holds of another is forgotten, as is all with `restart`. Errors:
  // kExists when another process has the file open; kCorrupt, with the line; kIo.
  static Result<std::unique_ptr<WebJournal>> open(const Path& path, std::string_view suite,
                                                  bool restart);

  // Among those that the file held when it was opened; of several the first.
  const WebOutcome* find(const std::string& key) const;
  // Returns when it is on disk. May be called by several threads. Errors: kIo.
  Status add(std::string_view key, const WebOutcome& outcome);

 private:
  WebJournal() = default;

  std::optional<JournalFile> file_;
  std::map<std::string, WebOutcome> known_;
  std::mutex mutex_;  // guards the file
};

}  // namespace coe
