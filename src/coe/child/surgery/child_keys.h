// This makes the metadata of a child: the parent's keys, some of them changed, and the records of
// the cut.
#pragma once

#include "coe/base/result.h"
#include "coe/child/surgery/plan.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/model.h"

#include <span>
#include <vector>

namespace coe {

// `mask` covers every layer that the child cuts, `tensors` are the child's. Keys keep the parent's
// order; names that the parent lacks, then records stand last. Errors: those of check_child_name.
Result<std::vector<gguf::KeyValue>> child_keys(const gguf::Header& parent, const MoeModel& model,
                                               const KeepMask& mask, const SurgeryOptions& options,
                                               std::span<const gguf::TensorInfo> tensors);

}  // namespace coe
