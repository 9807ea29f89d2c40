// Exempt experts: no pass may evict them, if pass 1 keeps them. They bring nothing in.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/pass_json.h"
#include "coe/mask/recipe/pass_result.h"
#include "coe/mask/recipe/sources.h"

#include <compare>
#include <span>
#include <string_view>
#include <vector>

namespace coe {

// Errors: kInvalidArgument for an expert that the model does not have or that is named twice.
Status exempt(MaskBuilder& mask, std::span<const LayerExpert> experts);

struct ExemptPass {
  static constexpr std::string_view kName = "exempt";
  static constexpr bool kRepeats = false;
  static constexpr bool kSwaps = false;

  std::vector<LayerExpert> experts;

  void sort();
  Result<PassResult> run(PassSources& sources, MaskBuilder& mask) const;
  PassJson json(const ProfileSet& profiles, const PassLog& log) const;
  static Result<ExemptPass> read(const PassJson& json);
  PassWords words(const MaskSwap& swap) const;
  auto operator<=>(const ExemptPass&) const = default;
};

}  // namespace coe
