// JSON forms of passes share these parts (docs/formats/keep-mask.md). Readers throw as the library
// does for a value that is missing or of the wrong type; recipe_of() catches it.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/profiles.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

using PassJson = nlohmann::ordered_json;

// The digest decides; the rest tells people which profile that is.
PassJson profile_json(const NamedProfile& profile);
// For a digest that the set has.
PassJson profile_json(const ProfileSet& profiles, std::string_view digest);
PassJson experts_json(const std::vector<LayerExpert>& experts);
PassJson swaps_json(const std::vector<MaskSwap>& swaps);
void add_coverage(PassJson& pass, const PassLog& log);

// The library converts numbers that do not fit without a word. Errors: kCorrupt.
Result<std::uint64_t> read_whole(const PassJson& pass, const char* key, std::uint64_t most);
Result<std::uint32_t> read_count(const PassJson& pass, const char* key);
Result<std::vector<LayerExpert>> read_experts(const PassJson& pass);
std::string read_digest(const PassJson& profile);

}  // namespace coe
