// A dense table of one T for each expert of each MoE layer: scores, counts, norms.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace coe {

// Shape: [n_layer, n_expert], rows are positions in MoeModel::layers (not LayerIds).
template <class T>
class ExpertTable {
 public:
  ExpertTable() = default;
  ExpertTable(std::size_t n_layer, std::size_t n_expert, T fill = T{})
      : n_layer_(n_layer), n_expert_(n_expert), values_(n_layer * n_expert, fill) {}

  std::size_t n_layer() const { return n_layer_; }
  std::size_t n_expert() const { return n_expert_; }
  std::span<T> row(std::size_t layer) {
    return std::span(values_).subspan(layer * n_expert_, n_expert_);
  }
  std::span<const T> row(std::size_t layer) const {
    return std::span(values_).subspan(layer * n_expert_, n_expert_);
  }
  T& at(std::size_t layer, std::size_t expert) { return values_[layer * n_expert_ + expert]; }
  const T& at(std::size_t layer, std::size_t expert) const {
    return values_[layer * n_expert_ + expert];
  }
  std::span<T> values() { return values_; }
  std::span<const T> values() const { return values_; }
  bool operator==(const ExpertTable&) const = default;

 private:
  std::size_t n_layer_ = 0;
  std::size_t n_expert_ = 0;
  std::vector<T> values_;
};

}  // namespace coe
