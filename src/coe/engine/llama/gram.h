// Products of a token's expert outputs with one another, worked out where the outputs lie: on a
// device by a small graph of its own, in host memory by the CPU backend, so that kilobytes a token
// are kept instead of the outputs.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

struct ggml_tensor;  // NOLINT(readability-identifier-naming): the engine's

namespace coe {

// Holds of each token the lower triangle of a symmetric matrix, row by row: (0,0), (1,0), (1,1),
// (2,0), … Shape: [n_token][M(M+1)/2].
struct Grams {
  std::vector<float> plain;     // O Oᵀ
  std::vector<float> weighted;  // O diag(w) Oᵀ; empty without channel weights
};

// One for each context; used from its decoding thread only.
class Gram {
 public:
  explicit Gram(int n_threads);
  ~Gram();
  Gram(const Gram&) = delete;
  Gram& operator=(const Gram&) = delete;

  // `outputs`: [n_embd, N, T], F32, computed, its backend idle; of the first M = `n_first` of each
  // token. `channel_weights`: [n_embd] or empty. Errors: kEngine.
  Result<Grams> of(const ggml_tensor* outputs, std::size_t n_first,
                   std::span<const float> channel_weights);

 private:
  class Device;
  Result<Device*> device_of(const ggml_tensor* node);

  int n_threads_;
  std::vector<std::unique_ptr<Device>> devices_;
};

}  // namespace coe
