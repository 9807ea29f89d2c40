// Which experts the child claims to have kept, and whether its own records agree.
#pragma once

#include "coe/base/result.h"
#include "coe/gguf/reader.h"
#include "coe/mask/keep_mask.h"
#include "coe/moe/ids.h"
#include "coe/moe/model.h"
#include "coe/verify/findings.h"
#include "coe/verify/structure.h"

#include <map>
#include <optional>
#include <span>
#include <vector>

namespace coe {

using KeptExperts = std::map<LayerId, std::vector<ExpertId>>;

// The mask in the child's `coe.mask` key, nullopt when there is none or when it is unusable (a
// finding).
std::optional<KeepMask> embedded_mask(const gguf::GgufFile& child, const MoeModel& parent,
                                      Findings& findings);

// The records of the cut must be all there or all absent, and fit the parent and n_keep.
void check_provenance(const gguf::Header& child, const MoeModel& parent, std::uint32_t n_keep,
                      Findings& findings);

// Kept ids found by matching the bytes of router rows. Equal rows are told apart by the other
// tensors of the layer, then by ascending order; a row without a match is a finding and its layer
// is left out.
KeptExperts recover_kept(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                         std::span<const TensorPair> pairs, std::uint32_t n_expert,
                         std::uint32_t n_keep, Findings& findings);

}  // namespace coe
