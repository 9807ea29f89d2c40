#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/mask/keep_mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace coe {
namespace {

using Json = nlohmann::ordered_json;

// A chat's roles are "web/prompt", "web/answer".
void add_name(std::vector<std::string>& names, const Json& name) {
  if (!name.is_string()) return;
  const auto text = name.get<std::string>();
  auto domain = printable(text.substr(0, text.find('/')));
  if (!domain.empty() && std::ranges::find(names, domain) == names.end())
    names.push_back(std::move(domain));
}

// A pass of the first domain; null where the mask records none.
Json domain_pass(const KeepMask& mask) {
  for (const auto& pass : mask.passes) {
    auto json = parse_json<Json>(pass.json);
    if (json.is_object() && json.value("pass", Json()) == "domain") return json;
  }
  return nullptr;
}

std::vector<std::string> domain_names(const Json& pass) {
  std::vector<std::string> names;
  if (const auto weights = pass.find("blend"); weights != pass.end() && weights->is_object()) {
    for (const auto& [name, weight] : weights->items())
      if (weight.is_number() && weight.get<double>() > 0.0) add_name(names, name);
    return names;
  }
  const auto profiles = pass.find("profiles");
  if (profiles == pass.end() || !profiles->is_array()) return names;
  for (const auto& profile : *profiles) {
    if (!profile.is_object() || !profile.contains("domains")) continue;
    const auto& domains = profile.at("domains");
    if (!domains.is_array()) continue;
    for (const auto& name : domains) add_name(names, name);
  }
  return names;
}

}  // namespace

std::vector<std::string> mask_domains(const KeepMask& mask) {
  const auto pass = domain_pass(mask);
  if (pass.is_null() || pass.value("score", Json()) == "random") return {};
  return domain_names(pass);
}

std::string mask_domain(const KeepMask& mask) {
  constexpr std::size_t kShown = 3;
  const auto names = mask_domains(mask);
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i > 0 ? "+" : "") + names[i];
  if (names.size() > kShown) text += fmt::format("+{}", names.size() - kShown);
  return text;
}

}  // namespace coe
