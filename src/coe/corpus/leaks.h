// A leak is evaluation text that stands in the profiling text. Word n-grams tell it. The rules:
// docs/formats/corpus.md, "Leaks".
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct LeakOptions {
  std::size_t ngram = 13;  // words
  double share = 0.5;      // of a record's own n-grams that make it a leak
  // An n-gram in more than so many distinct records of the profiling text, or of the evaluation
  // text, is boilerplate and belongs to no record.
  std::uint32_t boilerplate = 10;
};

struct Leak {
  std::string evaluation;  // "heldout.jsonl:12"
  std::string evaluation_domain;
  std::string profiling;  // the record that shares most with it
  std::string profiling_domain;
  bool whole = false;    // all of it stands in that record, up to case, white space, punctuation
  double overlap = 0.0;  // share of its own n-grams that occur in the profiling text; 1 when whole
  std::string excerpt;   // one line of what is shared
};

struct LeakReport {
  std::vector<Leak> leaks;     // in the order of the evaluation records
  std::uint64_t n_record = 0;  // of the evaluation text
  std::uint64_t n_ngram = 0;   // distinct ones of the evaluation text
  std::uint64_t n_boilerplate = 0;
  double highest_clean = 0.0;  // the largest overlap that is no leak
};

// Reads the profiling text once, and a second time when there is a leak to place. Beside the texts
// it needs about 40 bytes for each word of the evaluation text and 8 for each record. Words of the
// profiling text cost nothing. Errors: kInvalidArgument for an n-gram of no word or a share outside
// (0, 1]; kCancelled.
Result<LeakReport> find_leaks(const Corpus& profiling, const Corpus& evaluation,
                              const LeakOptions& options, Observer& observer);

}  // namespace coe
