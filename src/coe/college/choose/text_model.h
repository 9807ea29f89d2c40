// The text model: multinomial logistic regression on the features of a text (text_features.h).
//
//   p(d | text) = softmax_d(b_d + sum over features f of x_f * w_fd)
//   x_f = (1 + ln n_f) / sqrt(sum over features g of (1 + ln n_g)^2)
//
// where n_f says how often the text has the feature f. Features that the model does not know do not
// count. Training: train_text.h.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct TextModel {
  std::vector<std::uint64_t> features;  // hashes, ascending
  std::vector<float> weights;           // [n_feature][n_domain]
  std::vector<float> bias;              // [n_domain]

  std::size_t n_domain() const { return bias.size(); }
  std::uint64_t bytes() const;  // of the tables
};

// Features ascend, shapes fit, numbers are finite. Errors: kCorrupt.
Status check_text_model(const TextModel& model);

// Longer texts are read at both ends, half of this each: what is asked stands before or behind what
// was pasted, and the time that a request takes is bounded.
inline constexpr std::size_t kMostTextBytes = 6000;

struct TextEvidence {
  std::vector<double> logits;  // [n_domain]
  std::size_t n_feature = 0;   // that the text has
  std::size_t n_known = 0;     // of them that the model knows
  // 0 of a text without features.
  double known() const {
    return n_feature == 0 ? 0.0 : static_cast<double>(n_known) / static_cast<double>(n_feature);
  }
};

// Finds features quickly. Several threads may ask at once.
class TextScorer {
 public:
  // `model` keeps check_text_model().
  explicit TextScorer(TextModel model);

  const TextModel& model() const { return model_; }
  // What is in memory for it.
  std::uint64_t bytes() const;
  // `text` as a user wrote it, or as request_text() gives it.
  TextEvidence evidence(std::string_view text) const;

 private:
  static constexpr std::uint32_t kNone = 0xffffffffU;
  std::uint32_t row_of(std::uint64_t feature) const;

  TextModel model_;
  std::vector<std::uint32_t> slots_;  // row, or kNone; a power of two of them
};

}  // namespace coe
