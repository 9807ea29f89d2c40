// Surgery, second half: executes a plan by streaming. Memory is constant; the output appears under
// its name only when complete and flushed.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/gguf/reader.h"
#include "coe/surgery/plan.h"

#include <cstdint>

namespace coe {

// Errors: kExists; kIo (space is checked before the first byte; a disk that fills up later leaves
// nothing under the final name); kCancelled.
Status apply_plan(const gguf::GgufFile& parent, const SurgeryPlan& plan, const Path& output,
                  Overwrite overwrite, Observer& observer);

}  // namespace coe
