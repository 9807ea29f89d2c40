// The data half of the proof: byte comparison of every tensor, on all cores, in bounded memory.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/gguf/reader.h"
#include "coe/verify/findings.h"
#include "coe/verify/kept.h"
#include "coe/verify/structure.h"

#include <cstdint>
#include <span>

namespace coe {

struct CompareCounts {
  std::uint64_t n_expert = 0;  // slabs
  std::uint64_t n_bytes = 0;
};

// Cut tensors: slot i against the parent's expert kept[layer][i]; layers absent from `kept` are
// skipped. Others: whole. The child's floats and scales must be finite. Findings come in file order
// whatever the threads do. Errors: kCancelled.
Result<CompareCounts> compare_tensors(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                                      std::span<const TensorPair> pairs, const KeptExperts& kept,
                                      Observer& observer, Findings& findings);

}  // namespace coe
