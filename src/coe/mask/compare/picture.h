// A comparison as one picture that explains itself.
#pragma once

#include "coe/mask/compare/agg_cosine.h"
#include "coe/mask/compare/overlap.h"
#include "coe/mask/compare/tolerance.h"

#include <span>
#include <string>
#include <string_view>

namespace coe {

// SVG: a heat map of the Jaccard index of every pair at every layer; with `cosine` (else null) one
// of the residuals' cosines; for each profile the coverage of the masks by layer, the entropy of
// routing, coverage curves over K (one line a layer) and the smallest K that covers 80, 90 and 95 %
// of each layer. `score`: what the profiles' coverage is of. Same inputs, same text.
std::string comparison_svg(std::span<const NamedMask> masks, const Overlap& overlap,
                           const AggCosine* cosine, std::span<const Tolerance> profiles,
                           std::string_view score);

}  // namespace coe
