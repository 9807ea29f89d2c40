// A model's mask, read from its file, together with the form that engines take.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/open_model.h"

namespace coe {

struct OpenMask {
  KeepMask mask;
  ExpertFilter filter;
};

// Errors: those of read_text, parse_mask, check_mask and virtual_surgery.
Result<OpenMask> open_mask(const Path& path, const OpenModel& model);

}  // namespace coe
