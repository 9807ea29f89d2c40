// Tries the suite on itself: references pass, and mutants fail as they should.
#pragma once

#include "coe/measure/webgen/outcome.h"
#include "coe/measure/webgen/run.h"
#include "coe/measure/webgen/task.h"

#include <cstdint>
#include <span>
#include <vector>

namespace coe {

struct SuiteAttempts {
  std::vector<WebAttempt> attempts;
  std::vector<const WebMutant*> mutants;  // [attempts], of the suite; null: a reference
};

// Lists for each task its reference, `n_repeat` times, and then its mutants.
SuiteAttempts suite_attempts(const WebSuite& suite, std::uint32_t n_repeat);

// Says whether a reference (`mutant` null) passed, or a mutant failed by the kind that it should
// and with a reason that names what it is about.
bool is_as_expected(const WebOutcome& outcome, const WebMutant* mutant);
// The same of all.
std::vector<bool> as_expected(const SuiteAttempts& tried, std::span<const WebOutcome> outcomes);

}  // namespace coe
