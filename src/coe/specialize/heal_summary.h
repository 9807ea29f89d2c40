// The healing of a specialist, as NAME.heal.json and the report hold it.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/child/heal/heal.h"
#include "coe/child/surgery/records.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/ids.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

inline constexpr std::string_view kHealSchema = "coe.specialize-heal/1";

// As HealedLayer has them.
struct LayerSummary {
  LayerId layer;
  double error = 0.0;
  double after = 1.0;
  double gain = 1.0;
  std::string kept;
};

struct HealSummary {
  std::string method;
  std::uint64_t n_fit = 0;  // tokens
  std::uint64_t n_validation = 0;
  std::uint32_t n_ff = 0;   // hidden units of the widest dense FFN
  double after = 1.0;       // Healing::after()
  bool helps = false;       // else the child is only cut
  std::string settings;     // what the child is told in coe.heal.settings
  std::string text_digest;  // in coe.heal.text_digest
  std::vector<LayerSummary> layers = {};
};

HealSummary summary_of(const Healing& healing, HealMethod method, std::string text_digest);

nlohmann::ordered_json heal_summary_json(const HealSummary& summary);
// Throws as the library does.
HealSummary read_heal_summary(const nlohmann::ordered_json& json);

// All that decides a healing, as its file has it. `text_digest`: of the text of both parts.
std::string heal_file_settings(const KeepMask& mask, std::string_view text_digest,
                               const HealOptions& options);
// NAME.heal.json; one that says just that already is left as it is. Errors: those of keep_file.
Status write_heal_file(const Path& file, std::string_view settings, const HealSummary& summary,
                       Overwrite overwrite);

// What tells a child from one that is only cut by the same mask, in the settings of what was
// measured of it: "healing=DIGEST ", or "experts_used=6 " of a child that is not healed; else
// empty. `heal_settings`: coe.heal.settings, which tell the number, too; empty: it is not healed.
std::string measured_child(std::string_view heal_settings, std::uint32_t n_used);
// Whether what was measured with `measured` is of the child.
bool is_measured_of(const CutRecords& child, std::string_view measured);

// Whether a file is one of write_heal_file(); then a run may replace it.
bool is_heal_file(const Path& file);

// Whether a child says of itself that it was healed so, or where that did not help, that it was not
// healed.
bool is_healed_so(const CutRecords& child, const HealSummary& summary);

}  // namespace coe
