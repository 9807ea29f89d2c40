// A mask in the form that engines take: virtual surgery on the running parent.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <cstdint>

namespace coe {

// `mask`: one that passed check_mask for `model`. MTP layers are left out: ordinary decoding does
// not run them. Layers that choose by a token table get the substitutes that surgery uses. Errors:
// those of substitutes(). `n_used`: as ExpertFilter has it.
Result<ExpertFilter> virtual_surgery(const KeepMask& mask, const gguf::GgufFile& parent,
                                     const MoeModel& model, std::uint32_t n_used = 0);

}  // namespace coe
