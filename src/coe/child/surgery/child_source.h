// The child of a plan as bytes to be read, none of which is written: what apply_plan() would write.
#pragma once

#include "coe/child/surgery/plan.h"
#include "coe/model/gguf/gguf_source.h"
#include "coe/model/gguf/reader.h"

#include <memory>
#include <string>

namespace coe {

// `plan` is of this parent, and has one part. Memory: the plan; what is read goes straight into the
// reader's memory.
std::shared_ptr<const gguf::GgufSource> child_source(gguf::GgufFile parent, SurgeryPlan plan,
                                                     std::string name);

}  // namespace coe
