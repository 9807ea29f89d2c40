// What a child is called, and whose child it says it is: `general.name`, `general.size_label` and
// `general.base_model.*`. docs/formats/gguf-surgery.md, section "Names", has the rules.
#pragma once

#include "coe/base/result.h"
#include "coe/child/surgery/plan.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/model.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// "Gemma 4 web 64 of 128 experts": the parent's name, the domain that the mask records, and how
// much is kept. A child of a child is called as if it were cut from the first parent at once.
std::string child_name(const MoeModel& parent, const KeepMask& mask);

// Errors: kInvalidArgument for a name that is empty, blank, no UTF-8, or not one line.
Status check_child_name(std::string_view name);

// `keys` with the child's names: in the parent's place where the parent has the key, else at the
// end. `tensors` are the child's; in mode zero, which has the parent's shape, the size label stays.
std::vector<gguf::KeyValue> with_names(std::vector<gguf::KeyValue> keys, const MoeModel& parent,
                                       const KeepMask& mask, const SurgeryOptions& options,
                                       std::span<const gguf::TensorInfo> tensors);

}  // namespace coe
