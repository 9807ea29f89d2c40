// What a blend tells apart: one part for all sub-domains, or one for each.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/score/score.h"
#include "coe/profile/routing/stats.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// `web` of `web/answer`; the name itself where no role follows.
std::string_view without_role(std::string_view name);

// The accumulators of its sub-domains are added up before anything is made of them.
struct Part {
  std::string name;  // in messages
  std::vector<const DomainStats*> domains;
  double weight = 1.0;

  std::int64_t n_token() const;
  std::int64_t n_sample() const;
};

// kToken and kSample have one part. The other blends have one for each sub-domain of positive
// weight, in the profile's order; the roles of a chat's sub-domain (`web/prompt`, `web/answer`) are
// one part, unless options.weights names them one by one. Pointers are into `stats`. Errors: those
// of compute_score that concern weights.
Result<std::vector<Part>> parts_of(const RoutingStats& stats, const ScoreOptions& options);

// The sub-domains as blends tell them apart: names in the profile's order, roles left out.
std::vector<std::string> domain_names(const RoutingStats& stats);
// Whether weights were given to the text: a sub-domain has another than 1, which text without any
// has.
bool has_weights(const RoutingStats& stats);

// Counts, histograms and the sums asked for, over the sub-domains of a part.
using Sums = std::vector<double> DomainStats::*;
DomainStats pool(const Part& part, std::span<const Sums> sums);

// Errors: kInvalidArgument, for `what`.
Status check_has_tokens(std::int64_t n_token, std::string_view what);

}  // namespace coe
