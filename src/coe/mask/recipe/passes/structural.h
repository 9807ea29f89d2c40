// Pass 5, the structural list: named experts are brought in, in their order.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/pass_json.h"
#include "coe/mask/recipe/pass_result.h"
#include "coe/mask/recipe/sources.h"

#include <compare>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace coe {

// At most `cap` are exchanged in a layer. Errors: kInvalidArgument for an expert that the model
// does not have or that is named twice.
Result<PassLog> inject(MaskBuilder& mask, std::span<const LayerExpert> experts, std::uint32_t cap);

struct StructuralPass {
  static constexpr std::string_view kName = "structural";
  static constexpr bool kRepeats = false;
  static constexpr bool kSwaps = true;

  std::uint32_t cap = 3;  // swaps a layer
  std::vector<LayerExpert> experts;

  void sort() {}  // their order means something
  Result<PassResult> run(PassSources& sources, MaskBuilder& mask) const;
  PassJson json(const ProfileSet& profiles, const PassLog& log) const;
  static Result<StructuralPass> read(const PassJson& json);
  PassWords words(const MaskSwap& swap) const;
  auto operator<=>(const StructuralPass&) const = default;
};

}  // namespace coe
