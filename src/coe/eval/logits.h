// The two passes over a vocabulary that evaluation spends its time in, apart so that they are
// compiled for speed.
#pragma once

#include <span>

namespace coe {

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

}  // namespace coe
