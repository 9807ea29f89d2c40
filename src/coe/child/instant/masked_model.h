// A parent under a mask can be run in two ways. The instant one loads what the surgery would write:
// the child's bits and memory, and no file. The virtual one loads the parent whole and hides the
// experts that the mask removes: one parent in memory serves any number of masks, and experts keep
// their ids.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/open_model.h"

#include <optional>
#include <string_view>

namespace coe {

enum class MaskedAs { kInstant, kVirtual };
std::string_view masked_as_name(MaskedAs as);  // "instant", "virtual"

struct MaskedModel {
  EngineOptions engine;  // opens the child, or with a filter the parent
  KeepMask mask;
  std::optional<ExpertFilter> filter;  // kVirtual: for each request

  const ExpertFilter* filter_or_null() const { return filter ? &*filter : nullptr; }
};

// `model` is that of parent.model, which stays open in the instant one for as long as an engine
// does. Tells `observer` the warnings of the surgery. Errors: those of read_mask and
// check_mask; of plan_surgery and GgufFile::open, or of virtual_surgery.
Result<MaskedModel> mask_model(const EngineOptions& parent, const OpenModel& model,
                               const Path& mask, MaskedAs as, Observer& observer);

}  // namespace coe
