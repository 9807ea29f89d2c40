// Renders what `coe heal` did.
#pragma once

#include "coe/base/file.h"
#include "coe/child/heal/heal.h"
#include "coe/child/surgery/expert_counts.h"
#include "coe/cli/render/document.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace coe::cli {

struct HealOutput {
  Path parent;
  Path output;
  const Healing& healing;
  ExpertCounts counts;
  std::uint64_t bytes_parent = 0;
  std::uint64_t bytes_child = 0;
  bool proven = false;
  double wall_s = 0.0;
};

Json heal_json(const HealOutput& output);
// Ends in a newline.
std::string heal_text(const HealOutput& output);

}  // namespace coe::cli
