// Parts of a corpus, and the rule that text for profiling and text for evaluation do not meet.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/corpus.h"

#include <cstddef>
#include <span>
#include <string>

namespace coe {

// Identity of the text: over names, weights and texts in order; where they came from is not part of
// it.
std::string corpus_digest(const Corpus& corpus);

// Keeps only the sub-domains named. Errors: kInvalidArgument for a name the corpus lacks, listing
// those it has.
Status select_domains(Corpus& corpus, std::span<const std::string> names);

// A held-out part of a corpus: of each sub-domain the records whose index modulo `modulus` is
// `remainder` (the off-k split of docs/method.md, section 1), and the rest.
struct Split {
  Corpus rest;
  Corpus held_out;
};
// Errors: kCorrupt when a sub-domain has fewer than `modulus` records.
Result<Split> split_off(const Corpus& corpus, std::size_t modulus, std::size_t remainder);

// The cheap part of find_leaks(): whole records, up to letter case and white space. Errors:
// kMismatch, naming the two records, when a text occurs in both. Source: docs/method.md, section 1.
Status check_disjoint(const Corpus& profiling, const Corpus& evaluation);

}  // namespace coe
