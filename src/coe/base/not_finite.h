// Values that are infinite or no numbers at all, told by their bits. It is right beside code that
// is compiled with -ffast-math too, where the compiler takes std::isfinite() for true.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <span>
#include <string>

namespace coe {

std::size_t count_not_finite(std::span<const float> values);

// Says whether logits can be a model's: finite, and not all the same. Quantised kernels make zeros
// of activations that are no numbers, and then every token is as likely as any other.
bool are_logits(std::span<const float> logits);

inline bool is_finite(float value) { return count_not_finite({&value, 1}) == 0; }

// kCheckFailed: `message` says where a model computed what is no number.
tl::unexpected<Error> no_number(std::string message);

}  // namespace coe
