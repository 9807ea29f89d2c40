// A cut changes the contents of some tensors on purpose: tables of expert ids, and biases that
// close a router. They are small and checked for what they mean.
#pragma once

#include "coe/base/result.h"
#include "coe/child/verify/findings.h"
#include "coe/child/verify/structure.h"
#include "coe/model/gguf/reader.h"

#include <span>

namespace coe {

// In a token table, an id that is kept must have its new number, in its place; a removed one may be
// any kept expert that the token does not use already. A closing bias must be the parent's for kept
// experts and far below every real score for removed ones; where experts are zeroed, a layer must
// have one of the two. Errors: kIo.
Status check_rewritten(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                       std::span<const TensorPair> pairs, const KeptExperts& kept,
                       const CutForm& form, Findings& findings);

}  // namespace coe
