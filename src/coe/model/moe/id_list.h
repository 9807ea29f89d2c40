// Layers and experts named in messages: "experts 3, 7, 12 and 5 more".
#pragma once

#include "coe/model/moe/ids.h"

#include <span>
#include <string>

namespace coe {

std::string expert_list(std::span<const ExpertId> ids);
std::string layer_list(std::span<const LayerId> ids);

}  // namespace coe
