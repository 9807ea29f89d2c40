// Renders what `coe doctor` found.
#pragma once

#include "coe/cli/render/document.h"

#include <string>
#include <vector>

namespace coe::cli {

enum class Health { kWorks, kMissing, kBroken };  // kMissing: something optional is not there

struct DoctorCheck {
  std::string what;  // "engine"
  Health health = Health::kWorks;
  std::string words;  // what was found
  std::string mend;   // the command or step that mends it; empty where nothing is to be mended
};

Json doctor_json(const std::vector<DoctorCheck>& checks);
std::string doctor_text(const std::vector<DoctorCheck>& checks);

}  // namespace coe::cli
