#include "coe/mask/pass.h"

namespace coe {

std::uint32_t tier_of(double avg_rank) {
  if (avg_rank < 2.0) return 4;
  if (avg_rank < 4.0) return 3;
  return avg_rank < 6.0 ? 2 : 1;
}

}  // namespace coe
