// The second half of surgery executes a plan by streaming. Memory is constant, and the output
// appears under its name only when it is complete and flushed.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/surgery/plan.h"
#include "coe/model/gguf/reader.h"

#include <functional>
#include <span>

namespace coe {

// `output` names the child, or with several parts what output_paths() derives from it. All parts
// are complete before the first gets its name, and the first part, which is what one opens, gets
// its name last. Errors: kExists; kIo (space is checked before the first byte; a disk that fills up
// later leaves nothing under the final names); kMismatch when the parent changed meanwhile;
// kCancelled; those of `proof`, which is shown the files when they are complete and have no names
// yet: what it refuses never gets one, and an older child stays.
using ChildProof = std::function<Status(std::span<const Path> files)>;
Status apply_plan(const gguf::GgufFile& parent, const SurgeryPlan& plan, const Path& output,
                  Overwrite overwrite, Observer& observer, const ChildProof& proof = nullptr);

}  // namespace coe
