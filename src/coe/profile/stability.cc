#include "coe/profile/stability.h"

#include "coe/base/rng.h"
#include "coe/profile/routing/entropy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

namespace coe {

namespace {

constexpr double kStep = 1.0905077326652577;  // 2^(1/8)

// P(X <= k) of a Poisson variable with mean 1, for k = 0, 1, …: exp(-1) sum_j 1/j!. What is beyond
// the last entry has a chance below 2^-53.
constexpr std::array kPoisson = [] {
  std::array<double, 18> table{};
  double term = 0.36787944117144233;  // exp(-1)
  double sum = 0.0;
  for (std::size_t k = 0; k < table.size(); ++k) {
    sum += term;
    table[k] = sum;
    term /= static_cast<double>(k + 1);
  }
  return table;
}();

std::size_t draw_poisson(Rng& rng) {
  const double u = rng.uniform();
  std::size_t k = 0;
  while (k + 1 < kPoisson.size() && u >= kPoisson[k]) ++k;
  return k;
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Half of the experts, as far as groups and chunks allow.
std::uint32_t default_keep(std::uint32_t n_expert, std::uint32_t n_used, std::uint64_t step) {
  const std::uint64_t half = n_expert / 2 / step * step;
  const std::uint64_t least = (n_used + step - 1) / step * step;
  return static_cast<std::uint32_t>(std::max(half, least));
}

}  // namespace

Result<Stability> Stability::create(const ExpertGrid& shape, const StabilityOptions& options) {
  Stability out;
  out.shape_ = shape;
  out.stop_at_ = options.stop_at;
  if (options.stop_at && !(*options.stop_at > 0.0 && *options.stop_at <= 1.0))
    return fail(Code::kInvalidArgument,
                fmt::format("a Jaccard index of {} cannot be reached", *options.stop_at),
                "choose a threshold above 0 and at most 1, such as 0.95");
  const std::uint64_t step =
      std::uint64_t{std::max(shape.n_expert_group, 1U)} * shape.n_chunk_expert;
  const std::uint32_t n_keep =
      options.n_keep > 0 ? options.n_keep : default_keep(shape.n_expert, shape.n_expert_used, step);
  if (n_keep < shape.n_expert_used || n_keep >= shape.n_expert)
    return fail(Code::kInvalidArgument,
                fmt::format("no mask keeps {} of {} experts where a token uses {}", n_keep,
                            shape.n_expert, shape.n_expert_used),
                fmt::format("choose K from {} to {}", shape.n_expert_used, shape.n_expert - 1));
  out.rule_ = shape.keep_rule(n_keep);
  COE_TRY_STATUS(check_keep_rule(out.rule_, shape.n_expert));
  out.scratch_.resize(shape.n_flat());
  out.state_.sums.resize(shape.n_flat());
  out.state_.replicates.resize(kReplicates * shape.n_flat());
  return out;
}

void Stability::add_sample(std::uint64_t index, std::int64_t n_token,
                           std::span<const double> utility) {
  const std::size_t n = utility.size();
  COE_CHECK(n == state_.sums.size());
  for (std::size_t i = 0; i < n; ++i) {
    state_.sums[i] += utility[i];
    scratch_[i] = static_cast<float>(utility[i]);
  }
  Rng rng(index);
  for (std::size_t b = 0; b < kReplicates; ++b) {
    const auto n_copy = static_cast<float>(draw_poisson(rng));
    if (n_copy == 0.0F) continue;
    float* const sums = state_.replicates.data() + b * n;
    for (std::size_t i = 0; i < n; ++i) sums[i] += n_copy * scratch_[i];
  }
  state_.n_token += n_token;
  state_.n_sample += 1;
  if (static_cast<double>(state_.n_token) < state_.next) return;
  state_.next = static_cast<double>(state_.n_token) * kStep;
  take_point();
}

template <class Number>
Stability::Mask Stability::mask_of(std::span<const Number> sums) const {
  Mask mask(sums.size(), 0);
  std::vector<double> row(shape_.n_expert);
  for (std::size_t first = 0; first < sums.size(); first += shape_.n_expert) {
    std::copy_n(sums.begin() + static_cast<std::ptrdiff_t>(first), shape_.n_expert, row.begin());
    for (const auto expert : top_k(row, rule_)) mask[first + expert] = 1;
  }
  return mask;
}

std::vector<double> Stability::jaccard(const Mask& a, const Mask& b) const {
  std::vector<double> out;
  out.reserve(shape_.n_layer());
  for (std::size_t first = 0; first < a.size(); first += shape_.n_expert) {
    std::uint32_t n_both = 0;
    for (std::size_t i = first; i < first + shape_.n_expert; ++i) n_both += a[i] & b[i];
    out.push_back(static_cast<double>(n_both) / (2.0 * rule_.n_keep - n_both));
  }
  return out;
}

double Stability::lower_bound(const Mask& mask) const {
  const std::size_t n = mask.size();
  std::vector<double> means;
  means.reserve(kReplicates);
  for (std::size_t b = 0; b < kReplicates; ++b)
    means.push_back(mean(jaccard(mask, mask_of(std::span(state_.replicates).subspan(b * n, n)))));
  const auto tenth = means.begin() + kReplicates / 20 - 1;
  std::nth_element(means.begin(), tenth, means.end());
  return *tenth;
}

std::vector<double> Stability::entropy() const {
  std::vector<double> out;
  for (std::size_t first = 0; first < state_.sums.size(); first += shape_.n_expert) {
    const auto row = std::span(state_.sums).subspan(first, shape_.n_expert);
    out.push_back(normalised_entropy(row));
  }
  return out;
}

void Stability::take_point() {
  auto mask = mask_of(std::span<const double>(state_.sums));
  auto& snapshots = state_.snapshots;
  const std::int64_t n_token = state_.n_token;
  while (snapshots.size() > 1 && 2 * snapshots[1].n_token <= n_token) snapshots.pop_front();
  if (!snapshots.empty() && 2 * snapshots.front().n_token <= n_token) {
    StabilityPoint point;
    point.n_token = n_token;
    point.n_sample = state_.n_sample;
    point.n_half = snapshots.front().n_token;
    point.layers = jaccard(mask, snapshots.front().mask);
    point.jaccard = mean(point.layers);
    if (state_.n_sample >= kMinSamples) point.lower = lower_bound(mask);
    point.entropy = mean(entropy());
    state_.points.push_back(std::move(point));
  }
  snapshots.push_back({n_token, std::move(mask)});
}

const StabilityPoint* Stability::last_point() const {
  return state_.points.empty() ? nullptr : &state_.points.back();
}

bool Stability::is_stable() const {
  const auto* point = last_point();
  return stop_at_ && point != nullptr && point->jaccard >= *stop_at_ && point->lower &&
         *point->lower >= *stop_at_;
}

StabilityReport Stability::report(bool stopped) {
  if (state_.n_sample > 0 &&
      (state_.snapshots.empty() || state_.snapshots.back().n_token < state_.n_token))
    take_point();
  StabilityReport report;
  report.n_keep = rule_.n_keep;
  report.stop_at = stop_at_;
  report.stopped = stopped;
  report.layers = shape_.layers;
  report.points = state_.points;
  report.entropy = entropy();
  if (state_.n_sample < kMinSamples) return report;
  report.membership = ExpertTable<double>(shape_.n_layer(), shape_.n_expert);
  const std::size_t n = state_.sums.size();
  for (std::size_t b = 0; b < kReplicates; ++b) {
    const auto mask = mask_of(std::span(std::as_const(state_.replicates)).subspan(b * n, n));
    for (std::size_t i = 0; i < n; ++i) report.membership.values()[i] += mask[i];
  }
  for (double& value : report.membership.values()) value /= static_cast<double>(kReplicates);
  return report;
}

Status Stability::restore(StabilityState state) {
  bool fits = state.sums.size() == state_.sums.size() &&
              state.replicates.size() == state_.replicates.size() && state.n_token >= 0 &&
              state.n_sample >= 0 && !std::isnan(state.next);
  const auto is_finite = [](auto value) { return std::isfinite(value); };
  fits = fits && std::all_of(state.sums.begin(), state.sums.end(), is_finite) &&
         std::all_of(state.replicates.begin(), state.replicates.end(), is_finite);
  for (const auto& snapshot : state.snapshots)
    fits = fits && snapshot.mask.size() == state_.sums.size() &&
           std::all_of(snapshot.mask.begin(), snapshot.mask.end(),
                       [](auto kept) { return kept <= 1; });
  for (const auto& point : state.points) fits = fits && point.layers.size() == shape_.n_layer();
  if (!fits) return fail(Code::kCorrupt, "the stability state does not have the profile's shape");
  state_ = std::move(state);
  return {};
}

}  // namespace coe
