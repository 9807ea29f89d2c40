#include "coe/measure/webgen/suite_check.h"

#include "coe/base/text.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>

namespace coe {

SuiteAttempts suite_attempts(const WebSuite& suite, std::uint32_t n_repeat) {
  SuiteAttempts out;
  for (std::size_t t = 0; t < suite.tasks.size(); ++t) {
    for (std::uint32_t i = 0; i < n_repeat; ++i) {
      out.attempts.push_back({t, i == 0 ? "reference" : fmt::format("reference-{}", i + 1),
                              suite.tasks[t].reference, true});
      out.mutants.push_back(nullptr);
    }
    for (const auto& mutant : suite.tasks[t].mutants) {
      out.attempts.push_back({t, mutant.name, mutant.source, true});
      out.mutants.push_back(&mutant);
    }
  }
  return out;
}

bool is_as_expected(const WebOutcome& outcome, const WebMutant* mutant) {
  if (mutant == nullptr) return outcome.passed();
  return outcome.fault && outcome.fault->kind == mutant->kind &&
         lower_ascii(outcome.fault->reason).find(lower_ascii(mutant->about)) != std::string::npos;
}

std::vector<bool> as_expected(const SuiteAttempts& tried, std::span<const WebOutcome> outcomes) {
  std::vector<bool> out;
  out.reserve(outcomes.size());
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    out.push_back(is_as_expected(outcomes[i], tried.mutants[i]));
  return out;
}

}  // namespace coe
