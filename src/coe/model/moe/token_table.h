// Hash-routed layers (deepseek4) choose experts by a table of token ids. When experts go, each
// entry that names one needs a substitute.
#pragma once

#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include <cstdint>
#include <span>
#include <vector>

namespace coe {

// For each expert of the layer, the kept ones from most to least alike (a kept expert's own list
// begins with itself). Alike: cosine of the rows of the layer's router, which gives chosen experts
// their weights even where a table chooses them; ties go to the lower id. Shape:
// [n_expert][n_keep]. Errors: kUnsupported when the router is not F32, kIo.
Result<std::vector<std::vector<ExpertId>>> substitutes(const gguf::GgufFile& file,
                                                       const MoeModel& model, const MoeLayer& layer,
                                                       std::span<const ExpertId> kept);

// Replaces, in one token's row of expert ids, each id by the first of its substitutes that the row
// does not hold yet, so that a token still uses as many different experts. `row`: ids below
// substitutes.size(), at most n_keep of them.
void substitute_row(std::span<std::int32_t> row,
                    const std::vector<std::vector<ExpertId>>& substitutes);

}  // namespace coe
