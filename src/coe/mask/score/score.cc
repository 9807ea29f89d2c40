#include "coe/mask/score/score.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/base/text.h"
#include "coe/mask/score/parts.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/top_k.h"
#include "coe/profile/routing/accumulators.h"
#include "coe/profile/routing/stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Table = ExpertTable<double>;

// In the order of the enumerators.
constexpr std::array<std::string_view, 5> kBlendNames = {"token", "sample", "subdomain", "max",
                                                         "maxmin"};
constexpr int kMaxMinMasks = 500;

// Position of `name` in `names`.
Result<std::size_t> find_name(std::string_view noun, std::string_view name,
                              const std::vector<std::string>& names) {
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  const auto close = closest_match(name, names);
  return fail(Code::kInvalidArgument, fmt::format("{}: unknown {}", printable(name), noun),
              close.empty() ? fmt::format("choose one of {}", fmt::join(names, ", "))
                            : fmt::format("did you mean `{}`?", close));
}

// f(index into [L,E,R], rank) summed over ranks.
template <class Function>
Table sum_ranks(const ExpertGrid& shape, Function f) {
  Table table(shape.n_layer(), shape.n_expert);
  for (std::size_t l = 0; l < shape.n_layer(); ++l) {
    for (std::size_t e = 0; e < shape.n_expert; ++e) {
      double sum = 0.0;
      for (std::size_t k = 0; k < shape.n_expert_used; ++k) sum += f(shape.at(l, e, k), k);
      table.at(l, e) = sum;
    }
  }
  return table;
}

// The same of integers, whose sum is divided once: experts with equal sums have equal scores.
template <class Function>
Table sum_choices(const ExpertGrid& shape, double divisor, Function f) {
  Table table(shape.n_layer(), shape.n_expert);
  for (std::size_t l = 0; l < shape.n_layer(); ++l) {
    for (std::size_t e = 0; e < shape.n_expert; ++e) {
      std::int64_t sum = 0;
      for (std::size_t k = 0; k < shape.n_expert_used; ++k) sum += f(shape.at(l, e, k), k);
      table.at(l, e) = static_cast<double>(sum) / divisor;
    }
  }
  return table;
}

Table util(const DomainStats& d, const ExpertGrid& shape) {
  const auto n = static_cast<double>(d.n_token);
  return sum_ranks(shape, [&](std::size_t i, std::size_t) {
    const auto count = static_cast<double>(d.histograms[i]);
    return count / n * (d.weight_sum[i] / std::max(count, 1.0));
  });
}

Table freq(const DomainStats& d, const ExpertGrid& shape) {
  return sum_choices(shape, static_cast<double>(d.n_token),
                     [&](std::size_t i, std::size_t) { return d.histograms[i]; });
}

Table rank(const DomainStats& d, const ExpertGrid& shape) {
  const std::int64_t r = shape.n_expert_used;
  return sum_choices(shape, static_cast<double>(r * (r + 1)) / 2.0,
                     [&](std::size_t i, std::size_t k) {
                       return (r - static_cast<std::int64_t>(k)) * d.histograms[i];
                     });
}

Table decisive(const DomainStats& d, const ExpertGrid& shape) {
  const auto n = static_cast<double>(d.n_token);
  return sum_ranks(shape, [&](std::size_t i, std::size_t) { return d.decisive[i] / n; });
}

template <std::vector<double> DomainStats::* kSums>
Table mean_over_routed(const DomainStats& d, const ExpertGrid& shape) {
  const auto& sums = d.*kSums;
  Table table = sum_ranks(
      shape, [&](std::size_t i, std::size_t) { return static_cast<double>(d.histograms[i]); });
  for (std::size_t i = 0; i < sums.size(); ++i) {
    double& value = table.values()[i];
    value = value > 0.0 ? sums[i] / value : 0.0;
  }
  return table;
}

template <std::vector<double> DomainStats::* kSums>
Table mean_over_tokens(const DomainStats& d, const ExpertGrid& shape) {
  const auto& sums = d.*kSums;
  Table table(shape.n_layer(), shape.n_expert);
  for (std::size_t i = 0; i < sums.size(); ++i)
    table.values()[i] = sums[i] / static_cast<double>(d.n_token);
  return table;
}

Table util_of_samples(const DomainStats& d, const ExpertGrid& shape) {
  const auto n = static_cast<double>(d.n_sample);
  return sum_ranks(shape, [&](std::size_t i, std::size_t) {
    return d.freq_by_sample[i] / n * (d.weight_mean_by_sample[i] / n);
  });
}

Table freq_of_samples(const DomainStats& d, const ExpertGrid& shape) {
  const auto n = static_cast<double>(d.n_sample);
  return sum_ranks(shape, [&](std::size_t i, std::size_t) { return d.freq_by_sample[i] / n; });
}

constexpr std::array kScores = {
    ScoreRow{.score = Score::kUtil,
             .name = "util",
             .formula = "Σ_k h/N · weight_sum/max(h,1)",
             .help = "router weight that it gets",
             .reads = &DomainStats::weight_sum,
             .of_tokens = util,
             .of_samples = util_of_samples},
    ScoreRow{.score = Score::kFreq,
             .name = "freq",
             .formula = "Σ_k h/N",
             .help = "how often it is chosen",
             .of_tokens = freq,
             .of_samples = freq_of_samples},
    ScoreRow{.score = Score::kRank,
             .name = "rank",
             .formula = "Σ_k (R−k)/(R(R+1)/2) · h",
             .help = "how often, higher ranks counting more",
             .of_tokens = rank},
    ScoreRow{.score = Score::kEan,
             .name = "ean",
             .formula = "output_norm / Σ_k h, 0 if never chosen",
             .help = "mean length of its output where it is chosen",
             .reads = &DomainStats::output_norm,
             .of_tokens = mean_over_routed<&DomainStats::output_norm>},
    ScoreRow{.score = Score::kMsan,
             .name = "msan",
             .formula = "output_square / Σ_k h, 0 if never chosen",
             .help = "mean square of that length",
             .reads = &DomainStats::output_square,
             .of_tokens = mean_over_routed<&DomainStats::output_square>},
    ScoreRow{.score = Score::kReap,
             .name = "reap",
             .formula = "gated_norm / Σ_k h, 0 if never chosen",
             .help = "mean length of its weighted output",
             .reads = &DomainStats::gated_norm,
             .of_tokens = mean_over_routed<&DomainStats::gated_norm>},
    ScoreRow{.score = Score::kReapSum,
             .name = "reap_sum",
             .formula = "gated_norm / N",
             .help = "weighted output, on the mean over all tokens",
             .reads = &DomainStats::gated_norm,
             .of_tokens = mean_over_tokens<&DomainStats::gated_norm>},
    ScoreRow{.score = Score::kDecisive,
             .name = "decisive",
             .formula = "Σ_k decisive / N",
             .help = "router weight where the router is decided",
             .reads = &DomainStats::decisive,
             .min_used = 2,
             .of_tokens = decisive},
    ScoreRow{.score = Score::kShare,
             .name = "share",
             .formula = "output_share / N",
             .help = "its part of what the chosen experts of a token give",
             .reads = &DomainStats::output_share,
             .of_tokens = mean_over_tokens<&DomainStats::output_share>},
    ScoreRow{.score = Score::kRandom,
             .name = "random",
             .formula = "uniform in [0,1), drawn by seed",
             .help = "chance, to compare with"},
};

static_assert(std::ranges::is_sorted(kScores, {}, &ScoreRow::score) &&
              kScores.size() == static_cast<std::size_t>(Score::kRandom) + 1);

// Names of the rows of which `holds` is true.
template <class Predicate>
std::vector<std::string> names_where(Predicate holds) {
  std::vector<std::string> names;
  for (const auto& row : kScores)
    if (holds(row)) names.emplace_back(row.name);
  return names;
}

// "a, b or c".
std::string alternatives(std::vector<std::string> words) {
  const auto last = words.back();
  words.pop_back();
  return words.empty() ? last : fmt::format("{} or {}", fmt::join(words, ", "), last);
}

Status check_material(Score score, const std::vector<Part>& parts, const ExpertGrid& shape) {
  const auto& row = score_row(score);
  const auto& domain = *parts.front().domains.front();
  if (!row.is_known_to(domain)) {
    const auto others = names_where(
        [&](const ScoreRow& r) { return r.of_tokens != nullptr && r.is_known_to(domain); });
    const std::string_view what =
        row.needs() == Kept::kSquares ? "squares of expert outputs" : "expert outputs";
    return fail(Code::kInvalidArgument,
                fmt::format("score {} needs {}, which the profile does not hold", row.name, what),
                fmt::format("profile again with {}, or choose {}", what, alternatives(others)));
  }
  if (shape.n_expert_used < row.min_used)
    return fail(
        Code::kInvalidArgument,
        fmt::format("score {} compares experts of a token, but the model uses only one", row.name),
        "choose another score");
  return {};
}

// The formula over the tokens of a part.
Result<Table> by_token(Score score, const Part& part, const ExpertGrid& shape) {
  COE_TRY_STATUS(check_has_tokens(part.n_token(), part.name));
  const auto& row = score_row(score);
  // A single sub-domain is its own sum; copying it would cost more than scoring it.
  if (part.domains.size() == 1) return row.of_tokens(*part.domains.front(), shape);
  std::vector<Sums> sums;
  if (row.reads != nullptr) sums.push_back(row.reads);
  return row.of_tokens(pool(part, sums), shape);
}

Result<Table> by_sample(Score score, const Part& part, const ExpertGrid& shape) {
  COE_TRY_STATUS(check_score_of(score, Blend::kSample));
  COE_TRY_STATUS(check_has_tokens(part.n_sample(), part.name));
  constexpr std::array kSums = {&DomainStats::freq_by_sample, &DomainStats::weight_mean_by_sample};
  return score_row(score).of_samples(pool(part, kSums), shape);
}

Status normalise_rows(Table& table, std::string_view name, std::span<const LayerId> layers) {
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const auto row = table.row(l);
    const double total = std::accumulate(row.begin(), row.end(), 0.0);
    if (!std::isfinite(total) || total <= 0.0)
      return fail(Code::kInvalidArgument,
                  fmt::format("{}: layer {}: the scores sum to {}, so they cannot be normalised",
                              name, layers[l].value, total),
                  "use the `token` aggregate or another score");
    for (double& value : row) value /= total;
  }
  return {};
}

// The formula for each part; every row sums to 1.
Result<std::vector<Table>> normalised_tables(Score score, const std::vector<Part>& parts,
                                             const ExpertGrid& shape) {
  std::vector<Table> tables;
  for (const auto& part : parts) {
    COE_TRY(auto& table = tables.emplace_back(), by_token(score, part, shape));
    COE_TRY_STATUS(normalise_rows(table, part.name, shape.layers));
  }
  return tables;
}

std::vector<double> weights_of(const std::vector<Part>& parts) {
  std::vector<double> weights;
  weights.reserve(parts.size());
  for (const auto& part : parts) weights.push_back(part.weight);
  return weights;
}

Table blend_tables(const std::vector<Table>& tables, std::vector<double> weights) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= total;
  Table blend(tables.front().n_layer(), tables.front().n_expert());
  for (std::size_t d = 0; d < tables.size(); ++d)
    for (std::size_t i = 0; i < blend.values().size(); ++i)
      blend.values()[i] += weights[d] * tables[d].values()[i];
  return blend;
}

Result<Table> by_subdomain(Score score, const std::vector<Part>& parts, const ExpertGrid& shape) {
  COE_TRY(const auto tables, normalised_tables(score, parts, shape));
  return blend_tables(tables, weights_of(parts));
}

Result<Table> by_max(Score score, const std::vector<Part>& parts, const ExpertGrid& shape) {
  COE_TRY(const auto tables, normalised_tables(score, parts, shape));
  Table largest = tables.front();
  for (const auto& table : tables)
    for (std::size_t i = 0; i < largest.values().size(); ++i)
      largest.values()[i] = std::max(largest.values()[i], table.values()[i]);
  return largest;
}

// Gives the share of each table that the top-K mask by `score` keeps, on the mean over layers.
std::vector<double> coverages(const Table& score, const std::vector<Table>& tables,
                              const KeepRule& rule) {
  std::vector<double> out(tables.size(), 0.0);
  for (std::size_t l = 0; l < score.n_layer(); ++l) {
    const auto kept = top_k(score.row(l), rule);
    for (std::size_t d = 0; d < tables.size(); ++d)
      for (const auto expert : kept) out[d] += tables[d].at(l, expert);
  }
  for (double& value : out) value /= static_cast<double>(score.n_layer());
  return out;
}

// Source: see maxmin_weights in the header.
std::vector<double> solve_maxmin(const std::vector<Table>& tables, const std::vector<double>& plain,
                                 const KeepRule& rule) {
  const double scale = 8.0 * std::log(static_cast<double>(tables.size()));
  std::vector<double> weights = plain;
  std::vector<double> best = plain;
  double best_worst = -1.0;
  std::vector<double> sums(tables.size(), 0.0);
  for (int t = 1; t <= kMaxMinMasks; ++t) {
    const auto covered = coverages(blend_tables(tables, weights), tables, rule);
    if (const double worst = *std::min_element(covered.begin(), covered.end());
        worst > best_worst) {
      best_worst = worst;
      best = weights;
    }
    for (std::size_t d = 0; d < sums.size(); ++d) sums[d] += covered[d];
    // From the least covered, whose exponent is 0, so that not all can vanish.
    const double least = *std::min_element(sums.begin(), sums.end());
    double total = 0.0;
    for (std::size_t d = 0; d < sums.size(); ++d) {
      weights[d] = plain[d] * std::exp(-std::sqrt(scale / t) * (sums[d] - least));
      total += weights[d];
    }
    for (double& weight : weights) weight /= total;
  }
  return best;
}

}  // namespace

Kept ScoreRow::needs() const {
  const auto* const found =
      std::ranges::find_if(kAccumulators, [this](const Accumulator& accumulator) {
        return reads != nullptr && accumulator.values == reads;
      });
  return found == kAccumulators.end() ? Kept::kAlways : found->kept;
}

std::span<const ScoreRow> score_rows() { return kScores; }

const ScoreRow& score_row(Score score) { return kScores[static_cast<std::size_t>(score)]; }

std::string score_help() {
  std::vector<std::string> words;
  words.reserve(kScores.size());
  for (const auto& row : kScores) words.push_back(fmt::format("{} ({})", row.name, row.help));
  return alternatives(std::move(words));
}

Result<Score> score_from_name(std::string_view name) {
  COE_TRY(const auto at, find_name("score", name, names_where([](const auto&) { return true; })));
  return kScores[at].score;
}

std::string_view blend_name(Blend blend) { return kBlendNames[static_cast<std::size_t>(blend)]; }

Result<Blend> blend_from_name(std::string_view name) {
  COE_TRY(const auto at, find_name("aggregate", name, {kBlendNames.begin(), kBlendNames.end()}));
  return static_cast<Blend>(at);
}

Status check_score_of(Score score, Blend blend) {
  if (blend != Blend::kSample || score == Score::kRandom) return {};
  const auto& row = score_row(score);
  if (row.of_samples == nullptr) {
    const auto others = names_where([](const ScoreRow& r) { return r.of_samples != nullptr; });
    return fail(
        Code::kInvalidArgument,
        fmt::format("score {} cannot be aggregated by sample: profiles keep by-sample sums "
                    "of choices and weights only",
                    row.name),
        fmt::format("use the `token` or `subdomain` aggregate, or score {}", alternatives(others)));
  }
  return {};
}

ExpertTable<double> random_scores(std::size_t n_layer, std::size_t n_expert, std::uint64_t seed) {
  ExpertTable<double> table(n_layer, n_expert);
  Rng rng(seed);
  for (double& value : table.values()) value = rng.uniform();
  return table;
}

Result<ExpertTable<double>> compute_score(const RoutingStats& stats, const ScoreOptions& options) {
  COE_TRY(const auto parts, parts_of(stats, options));
  if (options.score == Score::kRandom)
    return random_scores(stats.shape.n_layer(), stats.shape.n_expert, options.seed);
  COE_TRY_STATUS(check_material(options.score, parts, stats.shape));
  switch (options.blend) {
    case Blend::kToken:
      return by_token(options.score, parts.front(), stats.shape);
    case Blend::kSample:
      return by_sample(options.score, parts.front(), stats.shape);
    case Blend::kMax:
      return by_max(options.score, parts, stats.shape);
    case Blend::kMaxMin: {
      auto blended = options;
      blended.blend = Blend::kSubdomain;
      COE_TRY(blended.weights, maxmin_weights(stats, options));
      return compute_score(stats, blended);
    }
    case Blend::kSubdomain:
      break;
  }
  return by_subdomain(options.score, parts, stats.shape);
}

Result<std::vector<std::pair<std::string, double>>> maxmin_weights(const RoutingStats& stats,
                                                                   const ScoreOptions& options) {
  auto weighted = options;
  weighted.blend = Blend::kMaxMin;
  COE_TRY(const auto parts, parts_of(stats, weighted));
  COE_TRY_STATUS(check_material(options.score, parts, stats.shape));
  const auto rule = stats.shape.keep_rule(options.n_keep);
  COE_TRY_STATUS(check_keep_rule(rule, stats.shape.n_expert));
  COE_TRY(const auto tables, normalised_tables(options.score, parts, stats.shape));
  const auto weights = solve_maxmin(tables, weights_of(parts), rule);
  std::vector<std::pair<std::string, double>> out;
  out.reserve(parts.size());
  for (std::size_t p = 0; p < parts.size(); ++p) out.emplace_back(parts[p].name, weights[p]);
  return out;
}

Result<ExpertTable<double>> blend_scores(std::vector<ExpertTable<double>> tables,
                                         const std::vector<double>& weights,
                                         std::span<const std::string> names,
                                         std::span<const LayerId> layers) {
  COE_CHECK(!tables.empty() && tables.size() == weights.size() && tables.size() == names.size());
  for (std::size_t i = 0; i < tables.size(); ++i)
    COE_TRY_STATUS(normalise_rows(tables[i], names[i], layers));
  return blend_tables(tables, weights);
}

}  // namespace coe
