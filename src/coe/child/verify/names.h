// A cut changes what the file is called and whose child it says it is. These keys are held to the
// parent's metadata and to what is kept.
#pragma once

#include "coe/child/verify/findings.h"
#include "coe/child/verify/structure.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <optional>
#include <string_view>

namespace coe {

// True for keys whose value and place check_names() judges, and not check_keys().
bool lists_ancestors(std::string_view key);
// True for keys whose value check_names() judges; their place is the parent's.
bool names_the_model(std::string_view key);

// Each may be the parent's. Else `general.name` is what `coe.name` says, or without that what the
// parent's name, the domain that `embedded` records and the counts make; `general.size_label`
// counts the child's weights (unless the tensors do not fit, which is a finding of its own);
// `general.base_model.*` lists the parent before the parent's own list.
void check_names(const gguf::Header& parent, const gguf::Header& child, const MoeModel& model,
                 const CutForm& form, const std::optional<KeepMask>& embedded, bool tensors_fit,
                 Findings& findings);

}  // namespace coe
