#include "coe/mask/score/parts.h"

#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/base/weight.h"
#include "coe/engine/roles.h"
#include "coe/mask/score/score.h"
#include "coe/profile/routing/stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

std::string_view without_role(std::string_view name) {
  const auto slash = name.rfind('/');
  if (slash == std::string_view::npos) return name;
  const auto is_it = [&](Role role) { return role_name(role) == name.substr(slash + 1); };
  return std::ranges::any_of(kRoles, is_it) ? name.substr(0, slash) : name;
}

namespace {

// The sub-domains that a name of options.weights means: its own, or those of its roles.
std::vector<const DomainStats*> meant_by(const RoutingStats& stats, std::string_view name) {
  if (const auto* domain = stats.find_domain(name)) return {domain};
  std::vector<const DomainStats*> roles;
  for (const auto& domain : stats.domains)
    if (domain.name != name && without_role(domain.name) == name) roles.push_back(&domain);
  return roles;
}

Status unknown_domain(const RoutingStats& stats, const std::string& name) {
  std::vector<std::string> names;
  names.reserve(stats.domains.size());
  for (const auto& domain : stats.domains) names.push_back(domain.name);
  const auto close = closest_match(name, names);
  return fail(Code::kInvalidArgument, fmt::format("{}: the profile has no such sub-domain", name),
              close.empty() ? fmt::format("it has {}", fmt::join(names, ", "))
                            : fmt::format("did you mean `{}`?", close));
}

Status check_weight(const std::string& name, double weight, Blend blend, double positive) {
  if (weight != 0.0 && !is_weight(weight))
    return fail(Code::kInvalidArgument,
                fmt::format("{}: weight {} is neither 0 nor {}", name, weight, kWeightBounds));
  if (!is_weighted(blend) && weight != 0.0 && weight != positive)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: the `{}` aggregate takes no weights ({} vs {})", name,
                            blend_name(blend), weight, positive),
                "use the `subdomain` aggregate, or equal weights to choose sub-domains");
  return {};
}

// In the order of options.weights.
Result<std::vector<Part>> named_parts(const RoutingStats& stats, const ScoreOptions& options) {
  std::vector<Part> parts;
  std::vector<const DomainStats*> seen;
  double positive = 0.0;  // the first positive weight
  for (const auto& [name, weight] : options.weights) {
    Part part{name, meant_by(stats, name), weight};
    if (part.domains.empty()) return tl::unexpected(unknown_domain(stats, name).error());
    for (const auto* domain : part.domains) {
      if (std::ranges::find(seen, domain) != seen.end())
        return fail(Code::kInvalidArgument,
                    fmt::format("{}: sub-domain is weighted twice", domain->name));
      seen.push_back(domain);
    }
    if (positive == 0.0) positive = weight;
    COE_TRY_STATUS(check_weight(name, weight, options.blend, positive));
    if (weight > 0.0) parts.push_back(std::move(part));
  }
  return parts;
}

// In the profile's order. A sub-domain's roles have its weight, so the first of them tells it.
std::vector<Part> own_parts(const RoutingStats& stats, Blend blend) {
  std::vector<Part> parts;
  for (const auto& domain : stats.domains) {
    const auto name = without_role(domain.name);
    const auto found = std::ranges::find(parts, name, &Part::name);
    if (found != parts.end())
      found->domains.push_back(&domain);
    else
      parts.push_back({std::string(name), {&domain}, is_weighted(blend) ? domain.weight : 1.0});
  }
  std::erase_if(parts, [](const Part& part) { return !(part.weight > 0.0); });
  return parts;
}

}  // namespace

std::int64_t Part::n_token() const {
  std::int64_t n = 0;
  for (const auto* domain : domains) n += domain->n_token;
  return n;
}

std::int64_t Part::n_sample() const {
  std::int64_t n = 0;
  for (const auto* domain : domains) n += domain->n_sample;
  return n;
}

Result<std::vector<Part>> parts_of(const RoutingStats& stats, const ScoreOptions& options) {
  std::vector<Part> parts;
  if (options.weights.empty()) {
    parts = own_parts(stats, options.blend);
  } else {
    COE_TRY(parts, named_parts(stats, options));
    // By the profile's order, so that sums do not depend on that of the weights.
    std::ranges::sort(parts, {}, [](const Part& part) { return part.domains.front(); });
  }
  if (parts.empty())
    return fail(Code::kInvalidArgument, "no sub-domain has a weight above 0",
                "give at least one sub-domain a positive weight");
  if (options.blend != Blend::kToken && options.blend != Blend::kSample) return parts;
  Part all{"the profile", {}, 1.0};
  for (const auto& part : parts)
    all.domains.insert(all.domains.end(), part.domains.begin(), part.domains.end());
  std::ranges::sort(all.domains);
  return std::vector<Part>{std::move(all)};
}

std::vector<std::string> domain_names(const RoutingStats& stats) {
  std::vector<std::string> names;
  for (auto& part : own_parts(stats, Blend::kToken)) names.push_back(std::move(part.name));
  return names;
}

bool has_weights(const RoutingStats& stats) {
  return std::ranges::any_of(stats.domains, [](const auto& d) { return d.weight != 1.0; });
}

DomainStats pool(const Part& part, std::span<const Sums> sums) {
  DomainStats pooled;
  for (const auto* domain : part.domains) {
    const auto add_all = [&](auto values) {
      auto& into = pooled.*values;
      into.resize((domain->*values).size());
      for (std::size_t i = 0; i < into.size(); ++i) into[i] += (domain->*values)[i];
    };
    pooled.n_token += domain->n_token;
    pooled.n_sample += domain->n_sample;
    add_all(&DomainStats::histograms);
    for (const Sums values : sums) add_all(values);
  }
  return pooled;
}

Status check_has_tokens(std::int64_t n_token, std::string_view what) {
  if (n_token > 0) return {};
  return fail(Code::kInvalidArgument, fmt::format("{}: has no tokens to score by", what),
              "profile with a corpus that has text for it");
}

}  // namespace coe
