#include "coe/specialize/verdict.h"

#include "coe/base/stats/bootstrap.h"
#include "coe/measure/eval/eval.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

namespace coe {

Verdict verdict_of(const DomainEval& specialist, std::span<const DomainEval> random) {
  if (specialist.n_record < kMinVerdictRecords || specialist.n_token < kMinVerdictTokens)
    return Verdict::kTooLittle;
  std::vector<Interval> ratios;
  ratios.reserve(random.size());
  for (const auto& other : random) ratios.push_back(kl_ratio(specialist, other));
  if (!ratios.empty()) {
    if (std::ranges::all_of(ratios, [](const Interval& r) { return r.lower > 1.0; }))
      return Verdict::kWorseThanRandom;
    if (!std::ranges::all_of(ratios, [](const Interval& r) { return r.upper < 1.0; }))
      return Verdict::kNoBetterThanRandom;
  }
  const double kl = specialist.kl_mean();
  if (kl < kKeepsKl) return Verdict::kKeeps;
  return kl < kLosesKl ? Verdict::kKeepsInPart : Verdict::kLoses;
}

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kTooLittle:
      return "too_little_text";
    case Verdict::kWorseThanRandom:
      return "worse_than_random";
    case Verdict::kNoBetterThanRandom:
      return "no_better_than_random";
    case Verdict::kKeeps:
      return "keeps";
    case Verdict::kKeepsInPart:
      return "keeps_in_part";
    case Verdict::kLoses:
      break;
  }
  return "loses";
}

}  // namespace coe
