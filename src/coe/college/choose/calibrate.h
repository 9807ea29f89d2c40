// From evidence to probabilities, and from these to "unsure". Both are fitted on text that the
// evidence was not made from.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace coe {

// The text model's and the routing's.
inline constexpr std::size_t kEvidence = 2;

// What speaks for each specialist, in the order of names(), as unnormalised logarithms. Shape:
// [kEvidence][n_name]; a kind that was not asked is empty.
using Evidence = std::array<std::vector<double>, kEvidence>;

// A text whose domain is known.
struct Judged {
  std::size_t domain = 0;
  Evidence evidence;
  double known = 1.0;  // share of its features that the text model knows; 1 where it was not asked
};

// How a chooser reads its evidence.
struct Calibration {
  // Probabilities are softmax(sum over kinds of weight * evidence); 0: a kind that does not count.
  std::array<double, kEvidence> weights = {1.0, 0.0};
  double threshold = 0.5;    // unsure below this probability of the best
  double least_known = 0.0;  // unsure below this share of known features
  bool operator==(const Calibration&) const = default;
};

// Those who are sure are to be right so often.
inline constexpr double kSureAccuracy = 0.98;
// But no more than this share may be unsure: a college that mostly hands requests to its parent is
// none.
inline constexpr double kMostUnsure = 0.2;
// A specialist is never chosen against the odds.
inline constexpr double kLeastThreshold = 0.5;
// Text that knows less of its features than all but this share of the judged texts do is of no
// domain.
inline constexpr double kStrangeShare = 0.005;

// The most that a weight of evidence can be: text that is told apart without an error would have it
// grow for ever.
inline constexpr double kMostEvidenceWeight = 1e3;

// The probabilities, [n_name], which sum to 1. At least one kind of evidence is there; others count
// as if their weight were 0.
std::vector<double> probabilities(const Evidence& evidence, const Calibration& calibration);

// The first of the largest.
std::size_t best_of(std::span<const double> scores);

// Weights of the kinds that `uses` names: those under which the judged texts are likeliest, each
// domain counting as much as the others. One weight is temperature scaling, its inverse. Source:
// Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017. Then the
// threshold: the least, from kLeastThreshold on, with which those who are sure are right in
// kSureAccuracy of the cases; or where that would leave more than kMostUnsure unsure, the one that
// leaves as many. Then least_known: half of what all but kStrangeShare of the texts reach. Without
// texts the weights are 1 and the threshold is kLeastThreshold. Deterministic.
Calibration calibrate(std::span<const Judged> judged, const std::array<bool, kEvidence>& uses);

}  // namespace coe
