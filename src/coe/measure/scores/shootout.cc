#include "coe/measure/scores/shootout.h"

#include "coe/base/result.h"
#include "coe/base/rng.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace coe {

namespace {

// Mean logarithm of the domains' ratios; nothing where no domain has one.
template <class Sums>
std::optional<double> mean_log_ratio(std::size_t n_domain, Sums sums) {
  double total = 0.0;
  std::size_t n = 0;
  for (std::size_t d = 0; d < n_domain; ++d) {
    const auto [own, base] = sums(d);
    if (!(own > 0.0) || !(base > 0.0)) continue;
    total += std::log(own / base);
    ++n;
  }
  if (n == 0) return std::nullopt;
  return total / static_cast<double>(n);
}

template <class Value>
std::size_t least_of(const std::vector<ShootoutRow>& rows, Value value) {
  return static_cast<std::size_t>(std::ranges::min_element(rows, {}, value) - rows.begin());
}

}  // namespace

std::size_t Shootout::best_on(std::size_t domain) const {
  return least_of(rows, [&](const ShootoutRow& row) { return row.cells[domain].kl_mean(); });
}

std::size_t Shootout::best() const {
  return least_of(rows, [](const ShootoutRow& row) { return row.ratio.value; });
}

Interval geometric_mean_ratio(std::span<const DomainEval> cells,
                              std::span<const DomainEval> baseline,
                              const BootstrapOptions& options) {
  COE_CHECK(cells.size() == baseline.size());
  const auto whole = mean_log_ratio(
      cells.size(), [&](std::size_t d) { return std::pair(cells[d].kl, baseline[d].kl); });
  if (!whole) return {};
  Rng rng(options.seed);
  std::vector<double> ratios;
  ratios.reserve(options.n_replicate);
  for (std::uint32_t r = 0; r < options.n_replicate; ++r) {
    const auto drawn = mean_log_ratio(cells.size(), [&](std::size_t d) {
      const auto& own = cells[d].records;
      const auto& base = baseline[d].records;
      COE_CHECK(own.size() == base.size());
      std::pair<double, double> sums;
      for (std::size_t i = 0; i < own.size(); ++i) {
        const auto at = rng.below(own.size());
        sums.first += own[at].kl;
        sums.second += base[at].kl;
      }
      return sums;
    });
    if (drawn) ratios.push_back(std::exp(*drawn));
  }
  return percentile_interval(std::exp(*whole), std::move(ratios), options.level);
}

DomainEval mean_of_draws(std::span<const DomainEval> draws) {
  COE_CHECK(!draws.empty());
  DomainEval mean;
  mean.name = draws.front().name;
  const auto n = static_cast<double>(draws.size());
  for (std::size_t r = 0; r < draws.front().records.size(); ++r) {
    RecordEval sum;
    for (const auto& draw : draws) sum += draw.records[r];
    // Counts of draws are as good as shares: what is made of them are ratios of sums.
    sum.nll /= n;
    sum.reference_nll /= n;
    sum.kl /= n;
    sum.n_token /= draws.size();
    sum.n_reference_hit /= draws.size();
    sum.n_top1_same =
        static_cast<std::uint64_t>(std::llround(static_cast<double>(sum.n_top1_same) / n));
    sum.n_hit = static_cast<std::uint64_t>(std::llround(static_cast<double>(sum.n_hit) / n));
    mean.add(sum);
  }
  for (const auto& draw : draws) {
    mean.kl_max = std::max(mean.kl_max, draw.kl_max);
    mean.logit_diff_max = std::max(mean.logit_diff_max, draw.logit_diff_max);
    mean.top1_gap_max = std::max(mean.top1_gap_max, draw.top1_gap_max);
  }
  return mean;
}

void compare_to_first(Shootout& shootout) {
  for (auto& row : shootout.rows)
    row.ratio = geometric_mean_ratio(row.cells, shootout.rows.front().cells);
}

}  // namespace coe
