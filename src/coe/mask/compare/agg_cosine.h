// Agg-cos: how alike the weights are that two masks keep beyond the backbone. For each layer the
// flattened down-projections of a mask's residual experts are summed to one vector; the cosines of
// these sums, weighted by how many experts a layer has beyond the backbone, are the measure.
// Streams the parent's file; any number of masks costs one pass over the experts that occur in a
// residual. Source: docs/method.md, section 6.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/mask/compare/overlap.h"
#include "coe/model/gguf/dequantizer.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace coe {

struct AggCosineOptions {
  unsigned n_thread = 0;         // 0: all cores
  std::size_t chunk_values = 0;  // values summed at a time, rounded down to blocks; 0: as fits
};

// The inner products of the masks' sums.
struct LayerGram {
  std::uint32_t weight = 0;        // b = K - |U|
  std::vector<double> products{};  // [M,M], symmetric
};

class AggCosine {
 public:
  AggCosine(std::size_t n_mask, std::vector<LayerGram> layers, std::uint64_t n_bytes)
      : n_mask_(n_mask), layers_(std::move(layers)), n_bytes_(n_bytes) {}

  // Σ b·dot / √(Σ b·‖A‖² Σ b·‖B‖²); nullopt when a mask has no residual (or one of zeros).
  std::optional<double> of(std::size_t a, std::size_t b) const;
  // The cosine in one layer, row `layer` of Overlap::layers; nullopt likewise.
  std::optional<double> of_layer(std::size_t a, std::size_t b, std::size_t layer) const;
  const std::vector<LayerGram>& layers() const { return layers_; }
  std::uint64_t n_bytes() const { return n_bytes_; }  // of weights that were read

 private:
  double product(const LayerGram& layer, std::size_t a, std::size_t b) const {
    return layer.products[a * n_mask_ + b];
  }
  std::size_t n_mask_;
  std::vector<LayerGram> layers_;
  std::uint64_t n_bytes_;
};

// `overlap` is that of `masks`, `model` that of `file`. The weight of an expert is taken with its
// factor (`ffn_down_exps.scale`, gemma4): llama.cpp multiplies the projection's output by it, so it
// belongs to the matrix. Sums and products are in double and added in an order that does not depend
// on threads: any number of them gives the same bits. Memory: about 1.5 MB a thread, M*M numbers
// for each of 16 spans of a layer. Errors: those of check_mask; kInvalidArgument when K differs
// among the masks (b would not be one number); kEngine without a dequantizer; kUnsupported for a
// type that it cannot convert; kCorrupt, with tensor and expert, for values that are not finite;
// kIo; kCancelled.
Result<AggCosine> agg_cosine(const gguf::GgufFile& file, const MoeModel& model,
                             std::span<const NamedMask> masks, const Overlap& overlap,
                             const gguf::Dequantizer* dequantizer, const AggCosineOptions& options,
                             Observer& observer);

}  // namespace coe
