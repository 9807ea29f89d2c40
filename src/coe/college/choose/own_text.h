// The text that is a domain's own: what stands in two domains tells neither, and what stands in the
// training text measures nothing.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/college/choose/text_samples.h"
#include "coe/corpus/corpus.h"

#include <cstdint>
#include <span>
#include <vector>

namespace coe {

// Two domains that have more than this share of the smaller one's records in common are no two
// domains.
inline constexpr double kMostShared = 0.5;

// `corpus` without the records that stand in two of its domains, up to letter case and white space,
// which are warned of. Errors: kInvalidArgument above kMostShared.
Result<Corpus> own_text(const Corpus& corpus, Observer& observer);

// `heldout` without records that find_leaks() finds in `corpus`, which are warned of and counted.
// Errors: kInvalidArgument for a sub-domain that `corpus` has not; kCancelled.
Result<Corpus> unseen_text(const Corpus& corpus, const Corpus& heldout, std::uint64_t& n_leak,
                           Observer& observer);

// The held-out text as requests, one item for each of `domains`, in their order; none when there is
// no held-out text at all.
std::vector<DomainText> heldout_texts(const Corpus& heldout, std::span<const DomainText> domains);

}  // namespace coe
