// This says how long to wait before a request is made again.
#pragma once

#include "coe/base/rng.h"

#include <cstdint>
#include <optional>

namespace coe {

struct RetryOptions {
  unsigned n_attempt = 5;           // in all
  double first_seconds = 0.5;       // doubled with each attempt…
  double most_seconds = 30.0;       // …up to this
  double patience_seconds = 300.0;  // a server that asks for a longer wait is given up
};

// Another attempt may mend these HTTP statuses: 408, 425, 429, 5xx.
bool is_transient(long status);

// Returns the wait before attempt `n_made` + 1 (`n_made` >= 1): half to all of first · 2^(n_made −
// 1), by `rng`, and at least what the server asked for. Nothing means to give up.
std::optional<double> backoff_seconds(const RetryOptions& options, unsigned n_made,
                                      std::optional<double> asked_seconds, Rng& rng);

}  // namespace coe
