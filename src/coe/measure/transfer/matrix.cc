#include "coe/measure/transfer/matrix.h"

#include "coe/base/result.h"

#include <algorithm>
#include <utility>

namespace coe {

namespace {

const PairOverlap& pair_of(const Overlap& overlap, std::size_t a, std::size_t b) {
  const auto found = std::ranges::find_if(overlap.pairs, [&](const PairOverlap& pair) {
    return pair.a == std::min(a, b) && pair.b == std::max(a, b);
  });
  COE_CHECK(found != overlap.pairs.end());
  return *found;
}

// [n,n] with 1 on the diagonal; empty when one is undefined.
template <class Value>
std::vector<double> likeness(std::size_t n, Value&& value) {
  std::vector<double> out(n * n, 1.0);
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b < n; ++b) {
      if (a == b) continue;
      const std::optional<double> found = value(a, b);
      if (!found) return {};
      out[a * n + b] = *found;
    }
  }
  return out;
}

}  // namespace

TransferSquare square_of(const TransferMatrix& matrix, const Overlap* overlap,
                         const AggCosine* cosine) {
  TransferSquare square;
  std::vector<std::size_t> rows;
  std::vector<std::size_t> columns;
  for (std::size_t s = 0; s < matrix.n_specialist(); ++s) {
    const auto found = std::ranges::find(matrix.domains, matrix.specialists[s]);
    if (found == matrix.domains.end()) continue;
    rows.push_back(s);
    columns.push_back(static_cast<std::size_t>(found - matrix.domains.begin()));
    square.names.push_back(matrix.specialists[s]);
  }
  for (const auto row : rows) {
    for (const auto column : columns) {
      const auto& cell = matrix.at(row, column);
      square.y.push_back(accuracy_ratio(cell).value);
      square.kl.push_back(cell.kl_mean());
    }
  }
  const std::size_t n = rows.size();
  if (overlap != nullptr)
    square.residual_f = likeness(n, [&](std::size_t a, std::size_t b) {
      const auto& pair = pair_of(*overlap, rows[a], rows[b]);
      return rows[a] < rows[b] ? pair.a_to_b.pooled : pair.b_to_a.pooled;
    });
  if (cosine != nullptr)
    square.agg_cosine =
        likeness(n, [&](std::size_t a, std::size_t b) { return cosine->of(rows[a], rows[b]); });
  return square;
}

bool TransferReading::has_correlation() const {
  return std::ranges::any_of(
      links, [](const TransferLink& link) { return link.pearson || link.spearman; });
}

TransferReading read_square(const TransferSquare& square, const BootstrapOptions& options) {
  TransferReading reading;
  const std::size_t n = square.names.size();
  for (const auto& [with, likeness] :
       {std::pair("residual_f", &square.residual_f), std::pair("agg_cosine", &square.agg_cosine)}) {
    if (likeness->empty()) continue;
    for (const auto& [of, loss] : {std::pair("y", &square.y), std::pair("kl", &square.kl)})
      reading.links.push_back({of, with,
                               associate(*likeness, *loss, n, Correlation::kPearson, options),
                               associate(*likeness, *loss, n, Correlation::kSpearman, options)});
    reading.near_far.emplace_back(with, near_far(*likeness, square.y, n, options.seed));
  }
  for (std::size_t a = 0; a < n; ++a) {
    auto& others = reading.order.emplace_back();
    for (std::size_t b = 0; b < n; ++b)
      if (b != a) others.push_back(b);
    std::ranges::stable_sort(others, [&](std::size_t b, std::size_t c) {
      return square.y[a * n + b] > square.y[a * n + c];
    });
  }
  return reading;
}

}  // namespace coe
