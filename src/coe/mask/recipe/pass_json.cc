#include "coe/mask/recipe/pass_json.h"

#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/mask/pass.h"
#include "coe/profile/routing/stats.h"

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

namespace {

PassJson swap_json(const MaskSwap& swap) {
  PassJson json = {{"layer", swap.layer.value},
                   {"in", swap.in.value},
                   {"out", swap.out.value},
                   {"in_ordinal", swap.in_ordinal},
                   {"out_ordinal", swap.out_ordinal},
                   {"in_avg_rank", swap.in_avg_rank},
                   {"out_avg_rank", swap.out_avg_rank},
                   {"in_tier", swap.in_tier},
                   {"out_tier", swap.out_tier},
                   {"in_score", swap.in_score},
                   {"out_score", swap.out_score}};
  if (swap.in_ordinal == 0) json.erase("in_ordinal");
  return json;
}

}  // namespace

PassJson profile_json(const NamedProfile& profile) {
  const auto& stats = *profile.stats;
  PassJson json = {{"digest", profile.digest},
                   {"corpus", stats.corpus_digest},
                   {"n_token", stats.n_token()},
                   {"engine", stats.engine}};
  if (stats.router_temperature != 1.0) json["router_temperature"] = stats.router_temperature;
  if (!stats.mask_digest.empty()) json["mask"] = stats.mask_digest;
  json["domains"] = PassJson::array();
  for (const auto& domain : stats.domains) json["domains"].push_back(domain.name);
  return json;
}

PassJson profile_json(const ProfileSet& profiles, std::string_view digest) {
  return profile_json(*profiles.find(digest));
}

PassJson experts_json(const std::vector<LayerExpert>& experts) {
  PassJson json = PassJson::array();
  for (const auto& item : experts) json.push_back({item.layer.value, item.expert.value});
  return json;
}

PassJson swaps_json(const std::vector<MaskSwap>& swaps) {
  PassJson json = PassJson::array();
  for (const auto& swap : swaps) json.push_back(swap_json(swap));
  return json;
}

void add_coverage(PassJson& pass, const PassLog& log) {
  pass["coverage_before"] = log.before.mean;
  pass["coverage"] = log.after.mean;
}

Result<std::uint64_t> read_whole(const PassJson& pass, const char* key, std::uint64_t most) {
  const auto& value = pass.at(key);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most)
    return fail(Code::kCorrupt, fmt::format("`{}` is no count", key));
  return value.get<std::uint64_t>();
}

Result<std::uint32_t> read_count(const PassJson& pass, const char* key) {
  COE_TRY(const auto value, read_whole(pass, key, std::numeric_limits<std::uint32_t>::max()));
  return static_cast<std::uint32_t>(value);
}

Result<std::vector<LayerExpert>> read_experts(const PassJson& pass) {
  return parse_layer_experts(pass.at("experts").dump(), "`experts`");
}

std::string read_digest(const PassJson& profile) { return profile.at("digest").get<std::string>(); }

}  // namespace coe
