#include "coe/college/choose/measure.h"

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/base/stats/bootstrap.h"
#include "coe/base/stats/summary.h"
#include "coe/college/choose/calibrate.h"
#include "coe/college/choose/chooser.h"
#include "coe/college/choose/text_samples.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Of one record, at one length.
struct RecordTally {
  double n = 0.0;
  double n_right = 0.0;
  double n_sure = 0.0;
  double n_sure_right = 0.0;

  void add(const RecordTally& other) {
    n += other.n;
    n_right += other.n_right;
    n_sure += other.n_sure;
    n_sure_right += other.n_sure_right;
  }
};

struct Shares {
  double accuracy = 0.0;
  double sure = 0.0;
  double when_sure = 0.0;
};

// Means over domains; one without a sure request says nothing about those.
Shares domain_shares(std::span<const RecordTally> domains) {
  Shares out;
  double n = 0.0;
  double n_with_sure = 0.0;
  for (const auto& domain : domains) {
    if (domain.n == 0.0) continue;
    n += 1.0;
    out.accuracy += domain.n_right / domain.n;
    out.sure += domain.n_sure / domain.n;
    if (domain.n_sure == 0.0) continue;
    n_with_sure += 1.0;
    out.when_sure += domain.n_sure_right / domain.n_sure;
  }
  if (n > 0.0) {
    out.accuracy /= n;
    out.sure /= n;
  }
  if (n_with_sure > 0.0) out.when_sure /= n_with_sure;
  return out;
}

using DomainRecords = std::vector<std::vector<RecordTally>>;  // [domain][records]

std::vector<RecordTally> sums_of(const DomainRecords& domains) {
  std::vector<RecordTally> out;
  for (const auto& records : domains) {
    auto& sum = out.emplace_back();
    for (const auto& record : records) sum.add(record);
  }
  return out;
}

void set_intervals(const DomainRecords& domains, LengthAccuracy& out) {
  const auto found = domain_shares(sums_of(domains));
  const BootstrapOptions options;
  std::array<std::vector<double>, 3> replicates;
  Rng rng(options.seed);
  for (std::uint32_t i = 0; i < options.n_replicate; ++i) {
    std::vector<RecordTally> sums;
    for (const auto& records : domains) {
      auto& sum = sums.emplace_back();
      for (std::size_t r = 0; r < records.size(); ++r) sum.add(records[rng.below(records.size())]);
    }
    const auto drawn = domain_shares(sums);
    replicates[0].push_back(drawn.accuracy);
    replicates[1].push_back(drawn.sure);
    replicates[2].push_back(drawn.when_sure);
  }
  out.accuracy = percentile_interval(found.accuracy, std::move(replicates[0]), options.level);
  out.sure = percentile_interval(found.sure, std::move(replicates[1]), options.level);
  out.when_sure = percentile_interval(found.when_sure, std::move(replicates[2]), options.level);
}

DomainRecords tally(std::span<const ChoiceOutcome> outcomes, std::size_t n_domain,
                    std::size_t length) {
  std::map<std::pair<std::size_t, std::size_t>, RecordTally> records;
  for (const auto& outcome : outcomes) {
    if (outcome.length != length) continue;
    const double right = outcome.best == outcome.domain ? 1.0 : 0.0;
    const double sure = outcome.sure ? 1.0 : 0.0;
    records[{outcome.domain, outcome.record}].add({1.0, right, sure, sure * right});
  }
  DomainRecords out(n_domain);
  for (const auto& [key, record] : records) out[key.first].push_back(record);
  return out;
}

// Source: Guo et al. (2017), "expected calibration error".
double calibration_error(std::span<const ChoiceOutcome> outcomes, std::size_t length) {
  constexpr std::size_t kBins = 10;
  struct Bin {
    double n = 0.0;
    double probability = 0.0;
    double n_right = 0.0;
  };
  std::array<Bin, kBins> bins;
  double n = 0.0;
  for (const auto& outcome : outcomes) {
    if (outcome.length != length) continue;
    auto& bin = bins[std::min(static_cast<std::size_t>(outcome.probability * kBins), kBins - 1)];
    bin.n += 1.0;
    bin.probability += outcome.probability;
    bin.n_right += outcome.best == outcome.domain ? 1.0 : 0.0;
    n += 1.0;
  }
  double error = 0.0;
  for (const auto& bin : bins) error += std::abs(bin.probability - bin.n_right);
  return n == 0.0 ? 0.0 : error / n;
}

}  // namespace

std::vector<LengthAccuracy> accuracy_of(std::span<const ChoiceOutcome> outcomes,
                                        std::size_t n_domain) {
  std::vector<LengthAccuracy> out;
  for (std::size_t length = 0; length < kRequestLengths.size(); ++length) {
    auto& row = out.emplace_back();
    row.n_token = kRequestLengths[length];
    row.confusion.assign(n_domain, std::vector<std::uint64_t>(n_domain, 0));
    for (const auto& outcome : outcomes) {
      if (outcome.length != length) continue;
      ++row.n;
      ++row.confusion[outcome.domain][outcome.best];
    }
    set_intervals(tally(outcomes, n_domain, length), row);
    row.calibration_error = calibration_error(outcomes, length);
  }
  return out;
}

double mean_accuracy(std::span<const ChoiceOutcome> outcomes, std::size_t n_domain) {
  double sum = 0.0;
  double n = 0.0;
  for (std::size_t length = 0; length < kRequestLengths.size(); ++length) {
    const auto sums = sums_of(tally(outcomes, n_domain, length));
    if (std::ranges::all_of(sums, [](const RecordTally& t) { return t.n == 0.0; })) continue;
    sum += domain_shares(sums).accuracy;
    n += 1.0;
  }
  return n == 0.0 ? 0.0 : sum / n;
}

std::vector<ChoiceOutcome> outcomes_of(std::span<const TextWindow> windows,
                                       std::span<const Judged> judged,
                                       const Calibration& calibration) {
  std::vector<ChoiceOutcome> out;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const auto p = probabilities(judged[i].evidence, calibration);
    const auto best = best_of(p);
    out.push_back({windows[i].domain, windows[i].record, windows[i].length, best, p[best],
                   judged[i].known > 0.0 && judged[i].known >= calibration.least_known &&
                       p[best] >= calibration.threshold});
  }
  return out;
}

Result<TimedOutcomes> ask_chooser(Chooser& chooser, std::span<const TextWindow> windows,
                                  std::span<const DomainText> domains, Observer& observer) {
  using Clock = std::chrono::steady_clock;
  TimedOutcomes out;
  std::vector<double> times;
  for (const auto& window : windows) {
    if (observer.cancelled()) return fail(Code::kCancelled, "asking a chooser: interrupted");
    const auto start = Clock::now();
    COE_TRY(const auto choice, chooser.choose(text_of(window, domains)));
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    const auto best = best_of(choice.scores);
    out.outcomes.push_back({window.domain, window.record, window.length, best, choice.scores[best],
                            choice.chosen.has_value()});
  }
  std::ranges::sort(times);
  out.speed.n = times.size();
  if (times.empty()) return out;
  constexpr double kTail = 0.95;
  out.speed.median_ms = median(times);
  out.speed.p95_ms = times[static_cast<std::size_t>(kTail * static_cast<double>(times.size() - 1))];
  return out;
}

}  // namespace coe
