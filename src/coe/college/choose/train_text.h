// Trains text models (text_model.h) by stochastic gradient descent with AdaGrad (Duchi, Hazan &
// Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", JMLR 12,
// 2011) on windows of many lengths that are drawn from the records, as many from each domain.
// docs/college.md says why it is not a library's.
#pragma once

#include "coe/college/choose/calibrate.h"
#include "coe/college/choose/text_model.h"
#include "coe/college/choose/text_samples.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coe {

struct TextTraining {
  std::uint64_t seed = 1;
  std::size_t n_window = 4000;   // that are drawn of each domain, for each model
  std::size_t least_bytes = 12;  // of a window
  std::size_t most_bytes = 800;
  std::size_t least_records = 2;          // that must have a feature
  std::size_t most_features = 1U << 18U;  // those that most records have
  double rate = 0.5;                      // of learning
  unsigned n_thread = 0;                  // 0: all cores; it changes no bit
};

struct TrainedText {
  TextModel model;
  // The evidence for each of the windows, of a model that has not seen the window's fold; none
  // where a domain has no text in the others. Shape: [windows].
  std::vector<Judged> judged;
};

// At least two domains, each with text. The same texts, windows and options give the same bits.
TrainedText train_text(std::span<const DomainText> domains, std::span<const TextWindow> windows,
                       const TextTraining& options);

}  // namespace coe
