// The data half of the proof: byte comparison of every tensor, on all cores, in bounded memory.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/gguf/dequantizer.h"
#include "coe/gguf/reader.h"
#include "coe/verify/findings.h"
#include "coe/verify/structure.h"
#include "coe/verify/verify.h"

#include <cstdint>
#include <span>
#include <vector>

namespace coe {

struct Compared {
  std::uint64_t n_expert = 0;  // slabs
  std::uint64_t n_bytes = 0;
  std::vector<TensorNorm> norms;  // with a dequantizer, of the pairs
};

// Cut tensors: slot i against the parent's expert kept[layer][i], or in zero form every expert
// against the parent's or zeros; layers absent from `kept` are skipped. kWhole: all of it. The
// child's values must be finite: all of them with a dequantizer, else floats and block scales.
// Rewritten tensors only have their values looked at (rewritten.h compares them). Findings come in
// file order whatever the threads do. Errors: kCancelled, kIo.
Result<Compared> compare_tensors(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                                 std::span<const TensorPair> pairs, const KeptExperts& kept,
                                 const CutForm& form, const gguf::Dequantizer* dequantizer,
                                 Observer& observer, Findings& findings);

}  // namespace coe
