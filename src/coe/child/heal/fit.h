// Fits what stands beside a layer's experts so that it makes up for the experts that are gone. All
// layers are fitted apart, on the parent's stream. Source: docs/method.md, section "Healing".
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/heal/block.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace coe {

// How far to go; each includes the ones before it but kAdam, which needs no ridge.
enum class HealMethod {
  kGain,   // one factor for the experts' norm
  kRidge,  // and the down-projection and both norms, in closed form
  kAdam,   // and gate, up, down and both norms, by gradient steps
};
inline constexpr std::array<const char*, 3> kHealMethodNames = {"gain", "ridge", "adam"};
std::string_view heal_method_name(HealMethod method);
std::optional<HealMethod> find_heal_method(std::string_view name);

// Gives a matrix the values that it will have in the file.
using Rounding = std::function<void(Matrix&)>;

struct LayerFitOptions {
  HealMethod method = HealMethod::kAdam;
  std::uint32_t n_step = 300;
  std::uint32_t batch_tokens = 2048;
  std::uint64_t seed = 1;
  Rounding round;
};

// The layer's error on validation tokens, relative to the parent's weights beside the kept experts:
// below 1 is better. What did not better it was not kept.
struct LayerFit {
  DenseWeights weights;          // rounded
  double error = 0.0;            // with the parent's weights: ‖missing‖² ÷ ‖out‖² over tokens
  double after = 1.0;            // ÷ error, of what was kept
  double gain = 1.0;             // α; 1 where it was not kept
  double lambda = 0.0;           // of the ridge; 0 where it was not kept
  std::string kept = "nothing";  // the last method that bettered it
};

// `fit` and `validation` have no text in common. Never worse than the parent's weights on
// `validation`. Errors: kCancelled; those of eigen_of().
Result<LayerFit> fit_layer(const Block& block, const LayerTokens& fit,
                           const LayerTokens& validation, double gain,
                           const LayerFitOptions& options, Observer& observer);

}  // namespace coe
