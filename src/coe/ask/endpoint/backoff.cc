#include "coe/ask/endpoint/backoff.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace coe {

bool is_transient(long status) {
  return status == 408 || status == 425 || status == 429 || (status >= 500 && status < 600);
}

std::optional<double> backoff_seconds(const RetryOptions& options, unsigned n_made,
                                      std::optional<double> asked_seconds, Rng& rng) {
  if (n_made >= options.n_attempt) return std::nullopt;
  const double asked = asked_seconds.value_or(0.0);
  if (asked > options.patience_seconds) return std::nullopt;
  const double full = std::min(options.most_seconds,
                               std::ldexp(options.first_seconds, static_cast<int>(n_made) - 1));
  return std::max(asked, full * (0.5 + 0.5 * rng.uniform()));
}

}  // namespace coe
