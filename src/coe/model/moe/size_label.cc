#include "coe/model/moe/size_label.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace coe {
namespace {

struct Magnitude {
  double weights;
  std::string_view letter;
};
constexpr std::array<Magnitude, 4> kMagnitudes = {
    {{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "K"}}};

// Two digits at least: "26M", "2.6M", "0.26K".
std::string rounded(double n_weight) {
  Magnitude unit = kMagnitudes.back();
  for (auto larger = kMagnitudes.rbegin(); larger != kMagnitudes.rend(); ++larger)
    if (n_weight > larger->weights) unit = *larger;
  const double scaled = n_weight / unit.weights;
  const double whole = std::nearbyint(scaled);  // half to even, as Python's round()
  int digits = 0;
  if (whole < 10) digits = whole == 0 ? 2 : 1;
  return fmt::format("{:.{}f}{}", scaled, digits, unit.letter);
}

}  // namespace

std::string size_label(std::span<const gguf::TensorInfo> tensors) {
  double n_shared = 0;
  double n_of_expert = 0;
  std::uint64_t n_expert = 0;  // of all expert tensors together
  std::uint64_t n_expert_tensor = 0;
  for (const auto& tensor : tensors) {
    double n_weight = 1;
    for (const auto n : tensor.ne) n_weight *= static_cast<double>(n);
    if (tensor.last_axis() >= 2 && tensor.name.find("_exps.") != std::string::npos) {
      n_of_expert += std::floor(n_weight / static_cast<double>(tensor.last_dim()));
      n_expert += tensor.last_dim();
      ++n_expert_tensor;
    } else {
      n_shared += n_weight;
    }
  }
  const auto size = rounded(n_shared + n_of_expert);
  return n_expert_tensor == 0 ? size : fmt::format("{}x{}", n_expert / n_expert_tensor, size);
}

}  // namespace coe
