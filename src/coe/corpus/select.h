// These functions take parts of a corpus, and hold text for profiling and text for evaluation
// apart.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/corpus.h"

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe {

// Returns the identity of the text, made of names, weights and texts in order. Where they came from
// is not part of it.
std::string corpus_digest(const Corpus& corpus);

// Keeps only the sub-domains named. Errors: kInvalidArgument for a name the corpus lacks, listing
// those it has.
Status select_domains(Corpus& corpus, std::span<const std::string> names);

// Keeps the first so many records of each sub-domain (0: all), and sets the digest to what is left.
void keep_first(Corpus& corpus, std::size_t n_record);

// Adds the sub-domains of another corpus behind their records of the same names, whose weight
// stays, and sets the digest to all of it.
void add_text(Corpus& corpus, const Corpus& more);

// All records of the corpus as one sub-domain of this name and weight 1, whatever they say of
// theirs.
SubDomain joined(Corpus corpus, std::string name);

// A split holds out, of each sub-domain, the texts whose index modulo `modulus` is `remainder`, and
// keeps the rest apart: the off-k split of docs/method.md, section 1. A text is a record, or all
// pieces of one (Record::piece_of): no piece of what is held out is left in the rest. Of fewer
// texts than `modulus` the last is held out. A sub-domain that is a single text of `modulus` pieces
// or more gives its last pieces, one of `modulus`.
struct Split {
  Corpus rest;
  Corpus held_out;
  std::size_t n_text = 0;                                // held out whole
  std::vector<std::pair<std::string, std::size_t>> few;  // such sub-domains, and their texts
  std::vector<std::string> single;                       // sub-domains of a single text
};
// Errors: kCorrupt when a sub-domain has a single text of fewer pieces.
Result<Split> split_off(const Corpus& corpus, std::size_t modulus, std::size_t remainder);

// Does the cheap part of find_leaks(): it compares whole records, up to letter case and white
// space. Errors: kMismatch, naming the two records, when a text occurs in both. Source:
// docs/method.md, section 1.
Status check_disjoint(const Corpus& profiling, const Corpus& evaluation);

}  // namespace coe
