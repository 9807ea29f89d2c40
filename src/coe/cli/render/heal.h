// Renders what `coe heal` did.
#pragma once

#include "coe/base/file.h"
#include "coe/child/heal/heal.h"
#include "coe/cli/render/document.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace coe::cli {

struct HealOutput {
  Path parent;
  Path output;
  const Healing& healing;
  std::uint32_t n_keep = 0;
  std::uint32_t n_expert = 0;
  std::uint32_t n_used = 0;  // experts a token, where they are fewer than the parent's; else 0
  std::uint32_t n_used_parent = 0;
  std::uint64_t bytes_parent = 0;
  std::uint64_t bytes_child = 0;
  bool proven = false;
  double wall_s = 0.0;
};

Json heal_json(const HealOutput& output);
// Ends in a newline.
std::string heal_text(const HealOutput& output);

}  // namespace coe::cli
