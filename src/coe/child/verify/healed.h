// What healing changed in a child, held to what the child says of it. Every other byte is proven as
// that of a child that was only cut.
#pragma once

#include "coe/base/result.h"
#include "coe/child/verify/findings.h"
#include "coe/child/verify/structure.h"
#include "coe/child/verify/verify.h"
#include "coe/model/gguf/dequantizer.h"
#include "coe/model/gguf/reader.h"

#include <map>
#include <span>
#include <string>
#include <vector>

namespace coe {

// Digests of the healed tensors' bytes, by name. A child of a healed parent that was only cut has
// the parent's record, and nothing is healed.
HealRecord read_heal_record(const gguf::Header& parent, const gguf::Header& child,
                            Findings& findings);

// The pairs of kHealed must have the bytes that the record says. Errors: kIo.
Result<std::vector<HealedTensor>> check_healed(
    const gguf::GgufFile& parent, const gguf::GgufFile& child, std::span<const TensorPair> pairs,
    const HealRecord& record, const gguf::Dequantizer* dequantizer, Findings& findings);

}  // namespace coe
