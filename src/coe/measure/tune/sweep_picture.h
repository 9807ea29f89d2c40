// A sweep as a picture: what is kept and, where it was measured, what that costs, over K.
#pragma once

#include "coe/measure/tune/sweep.h"

#include <cstdint>
#include <span>
#include <string>

namespace coe {

// SVG text. Same points, same bytes. Needs at least one point. `bytes_file` are the sizes that a
// specialist's file would have, for a second axis; empty: not known.
std::string sweep_svg(std::span<const SweepPoint> points,
                      std::span<const std::uint64_t> bytes_file = {});

}  // namespace coe
