// The answers that a run has got so far: one line each, on disk before the next question is asked,
// so that a run can be killed at any moment and goes on where it was.
// docs/formats/generated.md.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/base/file.h"
#include "coe/base/journal/journal_file.h"
#include "coe/base/result.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

enum class Outcome : std::uint8_t {
  kDone,      // an answer that the model ended
  kLoop,      // stopped by the loop guard
  kCut,       // reached the length asked for, or the end of the context
  kEmpty,     // ended, with nothing but white space outside thinking
  kFiltered,  // the server's filter withheld it or its rest: see ChatAnswer::filter
  kFailed,    // no answer: see `reason`
};
// "done", "loop", "cut", "empty", "filtered", "failed".
std::string_view outcome_name(Outcome outcome);
// Says whether the model answered. Where it did not, its server is to blame, and it may be asked
// again.
constexpr bool is_answered(Outcome outcome) {
  return outcome != Outcome::kFailed && outcome != Outcome::kFiltered;
}
Outcome outcome_of(const ChatAnswer& answer);

struct JournalEntry {
  Outcome outcome = Outcome::kDone;
  ChatAnswer answer;   // unless it failed
  std::string reason;  // of a failure
};

// A journal is gone on with only if all of this is the same.
struct JournalHeader {
  std::string questions;  // digest
  std::uint64_t n_question = 0;
  std::string identity;  // of who answers
  std::string settings;  // what is asked of each answer
};

struct JournalContents {
  JournalHeader header;
  std::map<std::uint64_t, JournalEntry> entries;  // by question; of several for one the last
};
// Reads a journal that nobody need have open. Errors: kNotFound; kCorrupt, with the line; kIo.
Result<JournalContents> read_journal(const Path& path);
// Errors: kMismatch, saying what differs, with `hint`.
Status check_header(const JournalHeader& found, const JournalHeader& wanted, const Path& path,
                    std::string_view hint);

class Journal {
 public:
  // Opens the journal at `path`, or begins one; with `restart` begins anew in any case. A line that
  // a kill left unfinished is dropped. Errors: kMismatch for a journal of another run, saying what
  // differs; kExists when another process has it open; kCorrupt; kIo.
  static Result<Journal> open(const Path& path, const JournalHeader& header, bool restart);
  // By index of the question; of several entries for one the last.
  const std::map<std::uint64_t, JournalEntry>& entries() const { return entries_; }
  // Returns when it is on disk. Errors: kIo.
  Status add(std::uint64_t question, JournalEntry entry);

 private:
  explicit Journal(JournalFile file) : file_(std::move(file)) {}

  JournalFile file_;
  std::map<std::uint64_t, JournalEntry> entries_;
};

}  // namespace coe
