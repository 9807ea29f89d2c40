// The healing of a specialist, as NAME.heal.json and the report hold it.
#pragma once

#include "coe/child/heal/heal.h"
#include "coe/model/gguf/reader.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>

namespace coe {

struct HealSummary {
  std::string method;
  std::uint64_t n_fit = 0;  // tokens
  std::uint64_t n_validation = 0;
  std::uint32_t n_ff = 0;   // hidden units of the widest dense FFN
  double after = 1.0;       // Healing::after()
  bool helps = false;       // else the child is only cut
  std::string settings;     // what the child is told in coe.heal.settings
  std::string text_digest;  // in coe.heal.text_digest
};

HealSummary summary_of(const Healing& healing, HealMethod method, std::string text_digest);

nlohmann::ordered_json heal_summary_json(const HealSummary& summary);
// Throws as the library does.
HealSummary read_heal_summary(const nlohmann::ordered_json& json);

// Whether a child says of itself that it was healed so, or where that did not help, that it was not
// healed.
bool is_healed_so(const gguf::Header& child, const HealSummary& summary);

}  // namespace coe
