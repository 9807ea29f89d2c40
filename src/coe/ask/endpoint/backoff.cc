#include "coe/ask/endpoint/backoff.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace coe {

namespace {

constexpr double kMostUntilReady = 5.0;
constexpr double kMostWhileBusy = 120.0;
constexpr double kMostWaits = 4.0;  // a busy server may serve others meanwhile

// Half to all of first · 2^n, at most `most`.
double growing(double first, unsigned n, double most, Rng& rng) {
  return std::min(most, std::ldexp(first, static_cast<int>(std::min(n, 60U)))) *
         (0.5 + 0.5 * rng.uniform());
}

}  // namespace

Trouble trouble_of(long status) {
  if (status == 429) return Trouble::kBusy;
  if (status == 503) return Trouble::kNotReady;
  const bool passes = status == 408 || status == 425 || (status >= 500 && status < 600);
  return passes ? Trouble::kPassing : Trouble::kLasting;
}

std::optional<double> next_wait(const RetryOptions& options, Trouble trouble, Tries& tries,
                                std::optional<double> asked_seconds, double silent_seconds,
                                Rng& rng) {
  if (trouble == Trouble::kLasting) return std::nullopt;
  const double asked = asked_seconds.value_or(0.0);
  if (trouble == Trouble::kPassing) {
    if (++tries.n_made >= options.n_attempt || asked > options.wait_seconds) return std::nullopt;
    const double own = growing(options.first_seconds, tries.n_made - 1, options.most_seconds, rng);
    return std::max(asked, own);
  }
  const double left = std::min(options.wait_seconds - silent_seconds,
                               kMostWaits * options.wait_seconds - tries.waited_seconds);
  if (left <= 0.0 || asked > left) return std::nullopt;
  const double most = trouble == Trouble::kBusy ? kMostWhileBusy : kMostUntilReady;
  const double own = growing(options.first_seconds, ++tries.n_waited, most, rng);
  const double seconds = asked_seconds ? asked + 0.1 * own : std::min(own, left);
  tries.waited_seconds += seconds;
  return seconds;
}

}  // namespace coe
