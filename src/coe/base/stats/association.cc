#include "coe/base/stats/association.h"

#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/base/stats/summary.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

namespace coe {

namespace {

constexpr std::size_t kMostExact = 7;  // 7! = 5,040
constexpr std::uint64_t kRandomLabels = 10000;
// Sums in another order differ in their last bits; equal statistics must count as equal.
constexpr double kTie = 1e-9;

std::vector<double> off_diagonal(std::span<const double> table, std::size_t n) {
  std::vector<double> values;
  values.reserve(n * (n - 1));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      if (i != j) values.push_back(table[i * n + j]);
  return values;
}

// From 1, ties at the mean of their places.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> out(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (std::size_t i = first; i <= last; ++i)
      out[order[i]] = 1.0 + static_cast<double>(first + last) / 2.0;
    first = last + 1;
  }
  return out;
}

std::optional<double> pearson(std::span<const double> x, std::span<const double> y) {
  const double mean_x = mean(x);
  const double mean_y = mean(y);
  double xx = 0.0;
  double yy = 0.0;
  double xy = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  // Equal numbers need not have a mean that equals them to the last bit.
  const auto constant = [](double sum, double at, std::size_t n) {
    return sum <= 1e-24 * at * at * static_cast<double>(n);
  };
  if (constant(xx, mean_x, x.size()) || constant(yy, mean_y, y.size())) return std::nullopt;
  return xy / std::sqrt(xx * yy);
}

std::optional<double> correlation(std::span<const double> x, std::span<const double> y,
                                  Correlation kind) {
  return kind == Correlation::kPearson ? pearson(x, y) : pearson(ranks(x), ranks(y));
}

// Calls `at_least` with each relabelling, which says whether it does as well as the identity.
PermutationTest permute(std::size_t n, std::uint64_t seed,
                        const std::function<bool(std::span<const std::size_t>)>& at_least) {
  std::vector<std::size_t> label(n);
  std::iota(label.begin(), label.end(), std::size_t{0});
  PermutationTest test;
  test.exact = n <= kMostExact;
  std::uint64_t n_as_good = 0;
  const auto count = [&] {
    test.n_permutation += 1;
    n_as_good += at_least(label) ? 1 : 0;
  };
  if (test.exact) {
    do count();
    while (std::ranges::next_permutation(label).found);
  } else {
    count();
    Rng rng(seed);
    for (std::uint64_t i = 0; i < kRandomLabels; ++i) {
      rng.shuffle(std::span(label));
      count();
    }
  }
  test.p = static_cast<double>(n_as_good) / static_cast<double>(test.n_permutation);
  return test;
}

std::vector<double> relabelled(std::span<const double> table, std::span<const std::size_t> label) {
  const std::size_t n = label.size();
  std::vector<double> out(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) out[i * n + j] = table[label[i] * n + label[j]];
  return out;
}

// A pair (row, column) off the diagonal.
std::pair<std::size_t, std::size_t> random_pair(std::size_t n, Rng& rng) {
  const std::size_t row = rng.below(n);
  const std::size_t column = rng.below(n - 1);
  return {row, column < row ? column : column + 1};
}

Interval vertex_bootstrap(std::span<const double> x, std::span<const double> y, std::size_t n,
                          Correlation kind, double value, const BootstrapOptions& options) {
  Rng rng(options.seed);
  std::vector<double> found;
  std::vector<std::size_t> drawn(n);
  std::vector<double> xs;
  std::vector<double> ys;
  for (std::uint32_t replicate = 0; replicate < options.n_replicate; ++replicate) {
    for (auto& item : drawn) item = rng.below(n);
    xs.clear();
    ys.clear();
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        if (i == j) continue;
        auto pair = std::pair(drawn[i], drawn[j]);
        if (pair.first == pair.second) pair = random_pair(n, rng);
        xs.push_back(x[pair.first * n + pair.second]);
        ys.push_back(y[pair.first * n + pair.second]);
      }
    }
    if (const auto r = correlation(xs, ys, kind)) found.push_back(*r);
  }
  return percentile_interval(value, std::move(found), options.level);
}

}  // namespace

std::optional<Association> associate(std::span<const double> x, std::span<const double> y,
                                     std::size_t n, Correlation kind,
                                     const BootstrapOptions& options) {
  COE_CHECK(x.size() == n * n && y.size() == n * n);
  if (n < 3) return std::nullopt;
  const auto ys = off_diagonal(y, n);
  const auto r = correlation(off_diagonal(x, n), ys, kind);
  if (!r) return std::nullopt;
  Association out;
  out.n_pair = ys.size();
  out.r = vertex_bootstrap(x, y, n, kind, *r, options);
  out.test = permute(n, options.seed, [&](std::span<const std::size_t> label) {
    const auto other = correlation(off_diagonal(relabelled(x, label), n), ys, kind);
    return other && std::abs(*other) >= std::abs(*r) - kTie;
  });
  return out;
}

namespace {

struct Means {
  double near = 0.0;
  double far = 0.0;
  std::size_t n_near = 0;
  std::size_t n_far = 0;
};

Means means_of(std::span<const double> similarity, std::span<const double> value, double middle) {
  Means means;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool is_near = similarity[i] > middle;
    (is_near ? means.near : means.far) += value[i];
    (is_near ? means.n_near : means.n_far) += 1;
  }
  if (means.n_near > 0) means.near /= static_cast<double>(means.n_near);
  if (means.n_far > 0) means.far /= static_cast<double>(means.n_far);
  return means;
}

void compare_within_rows(std::span<const double> value, std::size_t n, NearFar& out) {
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b < n; ++b) {
      for (std::size_t c = 0; c < n; ++c) {
        if (b == a || c == a || !out.near[a * n + b] || out.near[a * n + c]) continue;
        out.n_compared += 1;
        if (value[a * n + b] > value[a * n + c]) out.n_near_higher += 1;
      }
    }
  }
}

}  // namespace

std::optional<NearFar> near_far(std::span<const double> similarity, std::span<const double> value,
                                std::size_t n, std::uint64_t seed) {
  COE_CHECK(similarity.size() == n * n && value.size() == n * n);
  if (n < 3) return std::nullopt;
  const auto pairs = off_diagonal(similarity, n);
  const auto values = off_diagonal(value, n);
  const double middle = median(pairs);
  const auto found = means_of(pairs, values, middle);
  if (found.n_near == 0) return std::nullopt;
  NearFar out;
  out.n_near = found.n_near;
  out.n_far = found.n_far;
  out.near_mean = found.near;
  out.far_mean = found.far;
  const double difference = found.near - found.far;
  out.test = permute(n, seed, [&](std::span<const std::size_t> label) {
    const auto other = means_of(off_diagonal(relabelled(similarity, label), n), values, middle);
    return other.near - other.far >= difference - kTie;
  });
  out.near.resize(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      out.near[i * n + j] = i != j && similarity[i * n + j] > middle;
  compare_within_rows(value, n, out);
  return out;
}

}  // namespace coe
