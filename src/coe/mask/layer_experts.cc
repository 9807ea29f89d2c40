// The form of lists of experts that users give.
#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/mask/pass.h"
#include "coe/model/moe/ids.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

namespace {

bool is_id(const nlohmann::json& value) {
  return value.is_number_unsigned() &&
         value.get<std::uint64_t>() <= std::numeric_limits<std::uint32_t>::max();
}

}  // namespace

Result<std::vector<LayerExpert>> parse_layer_experts(std::string_view json, std::string_view name) {
  const std::string hint =
      "a list of experts is [[layer, expert], …], for example [[0, 17], [3, 5]]";
  const auto root = parse_json<nlohmann::json>(json);
  if (!root.is_array())
    return fail(Code::kCorrupt, fmt::format("{}: not a JSON list of experts", name), hint);
  std::vector<LayerExpert> experts;
  experts.reserve(root.size());
  for (std::size_t i = 0; i < root.size(); ++i) {
    const auto& item = root[i];
    if (!item.is_array() || item.size() != 2 || !is_id(item[0]) || !is_id(item[1]))
      return fail(Code::kCorrupt,
                  fmt::format("{}: item {} is no pair of layer and expert", name, i), hint);
    experts.push_back(
        {LayerId{item[0].get<std::uint32_t>()}, ExpertId{item[1].get<std::uint32_t>()}});
  }
  return experts;
}

}  // namespace coe
