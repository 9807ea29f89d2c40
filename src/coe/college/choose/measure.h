// How well a chooser chooses: by requests whose domain is known, at the lengths of kRequestLengths.
#pragma once

#include "coe/base/result.h"
#include "coe/base/stats/bootstrap.h"
#include "coe/college/choose/chooser.h"
#include "coe/college/choose/dispatcher.h"
#include "coe/college/choose/text_samples.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coe {

// One request and what came of it.
struct ChoiceOutcome {
  std::size_t domain = 0;
  std::size_t record = 0;    // of the domain, so that requests from one record are told
  std::size_t length = 0;    // index into kRequestLengths
  std::size_t best = 0;      // the likeliest, sure or not
  double probability = 0.0;  // of the best
  bool sure = false;
};

struct LengthAccuracy {
  std::size_t n_token = 0;
  std::uint64_t n = 0;                                // requests
  std::vector<std::vector<std::uint64_t>> confusion;  // [domain][best], unsure ones too
  // Mean of the domains' shares of right answers, whether sure or not, so that a domain of many
  // records counts no more than one of few. Bounds: bootstrap over the records of each domain.
  Interval accuracy;
  Interval sure;                   // share of requests that are sure, over domains as above
  Interval when_sure;              // share right among them
  double calibration_error = 0.0;  // mean of |probability - right| over ten bins, by requests
};

struct Speed {
  double median_ms = 0.0;
  double p95_ms = 0.0;
  std::uint64_t n = 0;
};

struct MethodAccuracy {
  ChooseBy by = ChooseBy::kText;
  Calibration calibration;
  // Mean over lengths of the cross-validated accuracy, by which the default is chosen.
  double cross_validated = 0.0;
  std::vector<LengthAccuracy> lengths;  // as kRequestLengths; of no request where there is none
  Speed speed;                          // n is 0 where nothing was timed
  std::uint64_t bytes = 0;  // that it takes in memory: tables, and weights of first blocks
};

// Shape: [kRequestLengths]. Domains without a request count in no mean.
std::vector<LengthAccuracy> accuracy_of(std::span<const ChoiceOutcome> outcomes,
                                        std::size_t n_domain);

// The mean over lengths of accuracy_of(), without intervals.
double mean_accuracy(std::span<const ChoiceOutcome> outcomes, std::size_t n_domain);

// What cross-validated evidence comes to. `windows` and `judged` go together.
std::vector<ChoiceOutcome> outcomes_of(std::span<const TextWindow> windows,
                                       std::span<const Judged> judged,
                                       const Calibration& calibration);

struct TimedOutcomes {
  std::vector<ChoiceOutcome> outcomes;
  Speed speed;
};

// Asks a chooser, one request after the other. `domains` names those of `windows` in the order of
// the chooser's names. Errors: those of choose(); kCancelled.
Result<TimedOutcomes> ask_chooser(Chooser& chooser, std::span<const TextWindow> windows,
                                  std::span<const DomainText> domains, Observer& observer);

}  // namespace coe
