#include "coe/base/not_finite.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

namespace coe {

std::size_t count_not_finite(std::span<const float> values) {
  constexpr std::uint32_t kExponent = 0x7f800000;  // all ones: infinity or NaN
  std::size_t n = 0;
  for (const float value : values)
    n += (std::bit_cast<std::uint32_t>(value) & kExponent) == kExponent ? 1U : 0U;
  return n;
}

bool are_logits(std::span<const float> logits) {
  if (count_not_finite(logits) > 0) return false;
  return logits.size() < 2 ||
         std::ranges::any_of(
             logits.subspan(1), [&](float logit) { return logit != logits.front(); });
}

tl::unexpected<Error> no_number(std::string message) {
  return fail(Code::kCheckFailed, std::move(message),
              "nothing can be said of such a model: try the file in another quantisation, or "
              "without a GPU (-ngl 0)");
}

}  // namespace coe
