// What the specialists of a college are specialists of.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/college/serve/college_spec.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/intake/take_text.h"

namespace coe {

// A sub-domain for each member that names text, with its name and weight 1, taken
// as `options` say. Errors: those of take_text and select_domains.
Result<Corpus> college_text(const CollegeSpec& spec, TakeOptions options, Observer& observer);

}  // namespace coe
