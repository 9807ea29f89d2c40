// Evaluation spends its time in these passes over a vocabulary. They stand apart so that they
// are compiled for speed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coe {

// The index of the largest, the first of equals. Shape: not empty.
std::size_t first_choice(std::span<const float> logits);

// log of the sum of exponentials; `logits` is not empty and finite. The same input gives the same
// bits.
double log_sum_exp(std::span<const float> logits);

struct LogitDifference {
  double kl = 0.0;              // KL(p || q), nats, not negative; exactly 0 for equal logits
  double logit_diff_max = 0.0;  // largest |p_i - q_i| of the logits themselves
};

// p and q are logits of one length, the norms their log_sum_exp.
LogitDifference compare_logits(std::span<const float> p, double p_norm, std::span<const float> q,
                               double q_norm);

// These are logits without the tail of the distribution, of which sums are left.
struct CondensedLogits {
  std::vector<std::uint32_t> ids;  // ascending
  std::vector<float> logits;       // of these
  double rest_mass = 0.0;          // sum of p over the others
  double rest_entropy = 0.0;       // sum of p ln p over the others, not positive
};

// Leaves out as many of the least likely tokens as make up `tail` at most, by steps of an eighth of
// a nat; the likeliest token stays. tail 0 leaves out none. `norm` is their log_sum_exp.
CondensedLogits condense(std::span<const float> logits, double norm, double tail);

// KL(p || q) lies between these bounds, in nats. Lower: the KL of the distributions with the tail
// lumped into one event, which by the log-sum inequality is not above the true one. Upper: all of
// p's tail on the token of it that q holds least likely. Both are the KL when nothing was left out.
// Shapes: q has a logit for every id. Source: Cover & Thomas, "Elements of Information Theory"
// (2006), theorem 2.7.1.
struct KlBounds {
  double lower = 0.0;
  double upper = 0.0;
};
KlBounds compare_condensed(const CondensedLogits& p, double p_norm, std::span<const float> q,
                           double q_norm);

}  // namespace coe
