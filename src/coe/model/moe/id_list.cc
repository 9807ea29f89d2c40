#include "coe/model/moe/id_list.h"

#include "coe/model/moe/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace coe {

namespace {

template <class Id>
std::string list_text(std::string_view noun, std::span<const Id> ids) {
  constexpr std::size_t kShown = 8;  // a message stays one readable line
  std::string out = fmt::format("{}{}", noun, ids.size() == 1 ? "" : "s");
  for (std::size_t i = 0; i < std::min(ids.size(), kShown); ++i)
    out += fmt::format("{} {}", i == 0 ? "" : ",", ids[i].value);
  if (ids.size() > kShown) out += fmt::format(" and {} more", ids.size() - kShown);
  return out;
}

}  // namespace

std::string expert_list(std::span<const ExpertId> ids) { return list_text("expert", ids); }
std::string layer_list(std::span<const LayerId> ids) { return list_text("layer", ids); }

}  // namespace coe
