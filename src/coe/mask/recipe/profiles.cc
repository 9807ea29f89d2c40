#include "coe/mask/recipe/profiles.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/profile/routing/stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

bool names(std::string_view pattern, std::string_view domain) {
  if (pattern.starts_with("*/")) return domain.ends_with(pattern.substr(1));
  return pattern == domain;
}

}  // namespace

std::string ProfileSet::add(std::string name, const RoutingStats& stats) {
  auto digest = content_digest(stats);
  if (find(digest) == nullptr) profiles_.push_back({std::move(name), digest, &stats});
  return digest;
}

std::string ProfileSet::add(std::string name, const ScoreTable& table) {
  auto digest = content_digest(table);
  if (find_table(digest) == nullptr) tables_.push_back({std::move(name), digest, &table});
  return digest;
}

const NamedTable* ProfileSet::find_table(std::string_view digest) const {
  const auto found = std::ranges::find(tables_, digest, &NamedTable::digest);
  return found == tables_.end() ? nullptr : &*found;
}

const NamedProfile* ProfileSet::find(std::string_view digest) const {
  const auto found = std::ranges::find(profiles_, digest, &NamedProfile::digest);
  return found == profiles_.end() ? nullptr : &*found;
}

Result<std::vector<std::string>> select_domains(const NamedProfile& profile,
                                                std::span<const std::string> patterns) {
  const auto& domains = profile.stats->domains;
  for (const auto& pattern : patterns) {
    const auto named = [&](const DomainStats& domain) { return names(pattern, domain.name); };
    if (std::ranges::any_of(domains, named)) continue;
    std::vector<std::string> there;
    there.reserve(domains.size());
    for (const auto& domain : domains) there.push_back(domain.name);
    const auto close = closest_match(pattern, there);
    return fail(Code::kInvalidArgument,
                fmt::format("{}: has no sub-domain `{}`", profile.name, printable(pattern)),
                pattern.starts_with("*/")
                    ? "sub-domains have roles when chats are profiled with --roles or --generate"
                : close.empty()
                    ? fmt::format("it has {}", printable(fmt::format("{}", fmt::join(there, ", "))))
                    : fmt::format("did you mean `{}`?", printable(close)));
  }
  std::vector<std::string> chosen;
  for (const auto& domain : domains) {
    const auto names_it = [&](const std::string& pattern) { return names(pattern, domain.name); };
    if (patterns.empty() || std::ranges::any_of(patterns, names_it)) chosen.push_back(domain.name);
  }
  return chosen;
}

std::string profile_label(const RoutingStats& stats) {
  constexpr std::size_t kShown = 3;
  std::string label;
  for (std::size_t i = 0; i < std::min(stats.domains.size(), kShown); ++i)
    label += (i > 0 ? "+" : "") + printable(stats.domains[i].name);
  if (stats.domains.size() > kShown) label += fmt::format("+{}", stats.domains.size() - kShown);
  return label;
}

}  // namespace coe
