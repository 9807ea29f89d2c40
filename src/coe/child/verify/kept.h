// This finds which experts the child claims to have kept, and whether its own records agree.
#pragma once

#include "coe/base/result.h"
#include "coe/child/verify/findings.h"
#include "coe/child/verify/structure.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/kept_experts.h"
#include "coe/model/moe/model.h"

#include <cstdint>
#include <optional>
#include <span>

namespace coe {

// Returns the mask in the child's `coe.mask` key. It is nullopt when there is none, or when it is
// unusable, which is a finding.
std::optional<KeepMask> embedded_mask(const gguf::GgufFile& child, const MoeModel& parent,
                                      const CutForm& form, Findings& findings);

// Returns how many experts a token uses in the child, as it says where they are fewer than the
// parent's; else 0. A number that cannot be is a finding and counts as none.
std::uint32_t recorded_used(const gguf::Header& parent, const gguf::Header& child,
                            const MoeModel& model, Findings& findings);

// The records of the cut must be all there or all absent, and fit the parent and the cut.
void check_provenance(const gguf::Header& child, const MoeModel& parent, const CutForm& form,
                      Findings& findings);

// Kept ids of the layers that `known` lacks. Sliced: by matching the bytes of router rows; equal
// rows are told apart by the other tensors of the layer, then by ascending order; a row without a
// match is a finding and its layer is left out. Zeroed: the experts whose down projection is still
// the parent's; a layer without any is a finding and left out. Errors: kIo.
Result<KeptExperts> recover_kept(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                                 std::span<const TensorPair> pairs, std::uint32_t n_expert,
                                 const CutForm& form, const KeptExperts& known, Findings& findings);

}  // namespace coe
