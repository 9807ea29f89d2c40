// The data half of the proof compares every tensor byte for byte, on all cores and in bounded
// memory.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/verify/findings.h"
#include "coe/child/verify/structure.h"
#include "coe/child/verify/verify.h"
#include "coe/model/gguf/dequantizer.h"
#include "coe/model/gguf/reader.h"

#include <cstdint>
#include <span>
#include <vector>

namespace coe {

struct Compared {
  std::uint64_t n_expert = 0;  // slabs
  std::uint64_t n_bytes = 0;
  std::vector<TensorNorm> norms;  // with a dequantizer, of the pairs
};

// Of a cut tensor, slot i is compared with the parent's expert kept[layer][i], or in zero form
// every expert with the parent's or with zeros. Layers absent from `kept` are skipped. A tensor of
// kWhole is compared in full. The child's values must be finite: all of them with a dequantizer,
// else floats and block scales. Rewritten tensors only have their values looked at (rewritten.h
// compares them). Findings come in file order whatever the threads do. Errors: kCancelled, kIo.
Result<Compared> compare_tensors(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                                 std::span<const TensorPair> pairs, const KeptExperts& kept,
                                 const CutForm& form, const gguf::Dequantizer* dequantizer,
                                 Observer& observer, Findings& findings);

}  // namespace coe
