#include "coe/measure/eval/noise_floor.h"

#include "coe/measure/eval/eval.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace coe {

namespace {

constexpr std::size_t kTokensOfRecord = 256;
constexpr std::size_t kRecords = 8;

// Every expert is kept, and each stands in for itself where a table of tokens chooses.
ExpertFilter keep_all(const EngineInfo& info) {
  ExpertFilter filter;
  for (const auto layer : info.moe_layers) {
    std::vector<ExpertId> all;
    all.reserve(info.n_expert);
    for (std::uint32_t e = 0; e < info.n_expert; ++e) all.push_back(ExpertId{e});
    filter.kept[layer] = all;
    auto& substitutes = filter.substitutes[layer];
    for (std::uint32_t e = 0; e < info.n_expert; ++e) {
      auto& ids = substitutes.emplace_back();
      for (std::uint32_t i = 0; i <= info.n_expert_used; ++i)
        ids.push_back(ExpertId{(e + i) % info.n_expert});
    }
  }
  return filter;
}

}  // namespace

Result<NoiseFloor> noise_floor(Engine& engine, const Corpus& corpus, Observer& observer) {
  Corpus text;
  const std::size_t n = std::max<std::size_t>(1, kRecords / corpus.domains.size());
  for (const auto& domain : corpus.domains) {
    text.domains.push_back({domain.name, domain.weight, {}});
    text.domains.back().records.assign(
        domain.records.begin(),
        domain.records.begin() + static_cast<std::ptrdiff_t>(std::min(n, domain.records.size())));
  }
  const auto filter = keep_all(engine.info());
  const EvalSubject same{&engine, &filter, "the model under a mask that keeps every expert"};
  const EvalSubject plain{&engine, nullptr, "the model as it is"};
  EvalOptions options;
  options.max_tokens = kTokensOfRecord;
  COE_TRY(const auto reports, evaluate({&same, 1}, &plain, text, options, observer));
  const auto total = reports.front().total();
  return NoiseFloor{total.n_token, total.kl_mean(), total.top1_agreement()};
}

}  // namespace coe
