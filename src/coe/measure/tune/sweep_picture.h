// A sweep as a picture: what is kept and, where it was measured, what that costs, over K.
#pragma once

#include "coe/measure/tune/sweep.h"

#include <span>
#include <string>

namespace coe {

// SVG text. Same points, same bytes. Needs at least one point.
std::string sweep_svg(std::span<const SweepPoint> points);

}  // namespace coe
