// A model answers multiple-choice questions. Source: docs/method.md, section 7.
#pragma once

#include "coe/ask/ask.h"
#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/measure/choice/letter.h"
#include "coe/measure/choice/questions.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct ChoiceRunOptions {
  Path folder;  // made if it is not there
  std::string identity;
  AskOptions ask;
  std::string instruction;  // below question and options
  // System messages of categories, in place of ask.system. Of a category that no question has none
  // is used.
  std::map<std::string, std::string> systems{};
  bool retry = true;     // ask again, with a fresh seed, what looped or gave no text
  bool restart = false;  // forget what the folder's journals hold
};

// This follows the options unless told otherwise. It wants the letter to stand in \boxed{}.
inline constexpr std::string_view kChoiceInstruction =
    "Exactly one option is right. End your answer with its letter in a box, like \\boxed{X}.";

// "question\nA. …\nB. …\n\ninstruction".
std::string choice_prompt(const MultipleChoice& question, std::string_view instruction);

struct ChosenOption {
  Outcome outcome = Outcome::kDone;
  // The letter is looked for in the text outside thinking. In an answer that looped or was cut only
  // the rules that name an answer count (up to kBold), for its last line is an accident.
  std::optional<FoundLetter> found;
  bool right = false;
  std::uint64_t n_token = 0;
  bool n_token_known = true;
  // This is distinct-4 of thinking and text, which says how much of it is no repetition
  // (distinct_share of words).
  std::optional<double> distinct4{};

  bool answered() const { return is_answered(outcome); }
};
ChosenOption chosen_option(const JournalEntry& entry, const MultipleChoice& question);

struct ChoiceAnswered {
  ChosenOption first;
  std::optional<ChosenOption> retry;  // of a loop or an empty answer

  // The retry where there was one.
  const ChosenOption& last() const { return retry ? *retry : first; }
};

struct ChoiceRun {
  std::vector<ChoiceAnswered> answers;  // [questions]
  AskReport asked;                      // in this run
};

// Writes DIR/journal.jsonl and DIR/retries.jsonl while it runs; a run that was stopped goes on
// where it was. At temperature 0 nothing is retried: the answer would be the same. Errors: those of
// Journal::open and ask_all.
Result<ChoiceRun> run_choice(Answerer& answerer, const ChoiceSet& set,
                             const ChoiceRunOptions& options, Observer& observer);

// Reads what a finished run left in `folder`. Errors: kNotFound; kCorrupt; kMismatch when it was
// asked other questions or otherwise (by `options`), or is not complete.
Result<std::vector<ChoiceAnswered>> read_choice_run(const Path& folder, const ChoiceSet& set,
                                                    const ChoiceRunOptions& options);

}  // namespace coe
