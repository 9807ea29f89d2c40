// This says how long to wait before a request is made again.
#pragma once

#include "coe/base/rng.h"

#include <cstdint>
#include <optional>

namespace coe {

struct RetryOptions {
  unsigned n_attempt = 5;       // in all, at what fails for the moment
  double first_seconds = 0.5;   // doubled with each attempt…
  double most_seconds = 30.0;   // …up to this
  double wait_seconds = 300.0;  // for a server that is not there yet, or asks to wait
};

enum class Trouble : std::uint8_t {
  kLasting,   // another attempt would fail, too
  kPassing,   // another attempt may succeed
  kNotReady,  // nobody listens yet, or the server says that it cannot serve yet
  kBusy,      // the server wants fewer requests
};

// 408, 425 and 5xx pass; 503 is not ready; 429 is busy; any other status lasts.
Trouble trouble_of(long status);

// What has been tried for one request.
struct Tries {
  unsigned n_made = 0;    // attempts that failed for the moment
  unsigned n_waited = 0;  // … and those that met a server that is busy or not ready
  double waited_seconds = 0.0;
};

// Counts one more failure in `tries`, and returns the wait before the next
// attempt, or nothing: give up. A passing trouble has RetryOptions::n_attempt
// in all, half to all of first · 2^(n − 1) apart, by `rng`. A server that is
// busy or not ready is waited for: as long as it asks, else half to all of
// first · 2^n, up to five seconds while it is not ready and two minutes while
// it is busy. It is given up when `silent_seconds`, the time since it last
// answered anybody, would pass wait_seconds, and when this request has waited
// four times as long.
std::optional<double> next_wait(const RetryOptions& options, Trouble trouble, Tries& tries,
                                std::optional<double> asked_seconds, double silent_seconds,
                                Rng& rng);

}  // namespace coe
