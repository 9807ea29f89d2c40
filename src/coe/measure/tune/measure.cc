#include "coe/measure/tune/measure.h"

#include "coe/mask/masked/virtual_surgery.h"

#include <cstddef>
#include <utility>

namespace coe {

Result<std::vector<DomainEval>> measure_masks(const Bench& bench,
                                              std::span<const KeepMask* const> masks,
                                              Observer& observer) {
  std::vector<ExpertFilter> filters;
  for (const auto* mask : masks) {
    COE_TRY_STATUS(check_mask(*mask, bench.model, "mask"));
    COE_TRY(filters.emplace_back(), virtual_surgery(*mask, bench.file, bench.model, bench.n_used));
  }
  std::vector<EvalSubject> subjects;
  subjects.reserve(filters.size());
  for (const auto& filter : filters)
    subjects.push_back({&bench.engine, &filter, "the masked parent"});
  const EvalSubject parent{&bench.engine, nullptr, "the parent"};
  COE_TRY(const auto reports, evaluate(subjects, &parent, bench.corpus, bench.eval, observer));
  std::vector<DomainEval> sums;
  sums.reserve(reports.size());
  for (const auto& report : reports) sums.push_back(report.total());
  return sums;
}

}  // namespace coe
