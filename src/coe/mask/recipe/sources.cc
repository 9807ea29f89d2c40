#include "coe/mask/recipe/sources.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/mask/score/choices.h"
#include "coe/mask/score/parts.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

Result<const NamedProfile*> PassSources::resolve(std::string_view digest) {
  const auto* profile = profiles_.find(digest);
  if (profile == nullptr)
    return fail(
        Code::kNotFound,
        fmt::format("no profile given has the content {} that the recipe names", printable(digest)),
        "give every profile that the mask was made from; its passes say which corpora and "
        "sub-domains");
  if (reference_ == nullptr) reference_ = profile->stats;
  if (auto status = check_same_routing(*reference_, *profile->stats); !status)
    return tl::unexpected<Error>(std::move(status).error().context(profile->name));
  return profile;
}

Result<PassProfile> PassSources::make(const NamedProfile& profile, const ScoreOptions& options) {
  if (options.score == Score::kRandom)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: a random score says nothing about it", profile.name),
                "choose another score for the passes after the first");
  const auto& stats = *profile.stats;
  PassProfile out;
  out.name = profile.name;
  auto scores = compute_score(stats, options);
  if (!scores) return tl::unexpected<Error>(std::move(scores).error().context(profile.name));
  out.score = *std::move(scores);
  auto choices = count_choices(stats, options);
  if (!choices) return tl::unexpected<Error>(std::move(choices).error().context(profile.name));
  out.avg_rank = average_rank(*choices, stats.shape.n_expert_used);
  out.n_first = std::move(choices->n_first);
  out.n_chosen = std::move(choices->n_chosen);
  return out;
}

Result<PassProfile> PassSources::tables(std::string_view digest, Score score,
                                        const std::vector<std::string>& patterns) {
  COE_TRY(const auto* profile, resolve(digest));
  const auto& stats = *profile->stats;
  ScoreOptions options;
  options.score = score;
  if (blend_ == Blend::kSample)
    options.blend = Blend::kSample;
  else if (is_weighted(blend_) && has_weights(stats))
    options.blend = Blend::kSubdomain;
  if (!patterns.empty()) {
    COE_TRY(const auto domains, select_domains(*profile, patterns));
    for (const auto& name : domains)
      options.weights.emplace_back(
          name, is_weighted(options.blend) ? stats.find_domain(name)->weight : 1.0);
  }
  return make(*profile, options);
}

Result<std::vector<PassProfile>> PassSources::tables_by_domain(std::string_view digest,
                                                               Score score) {
  COE_TRY(const auto* profile, resolve(digest));
  std::vector<PassProfile> tables;
  for (const auto& name : domain_names(*profile->stats)) {
    ScoreOptions options;
    options.score = score;
    options.blend = blend_ == Blend::kSample ? Blend::kSample : Blend::kToken;
    options.weights = {{name, 1.0}};
    COE_TRY(auto& made = tables.emplace_back(), make(*profile, options));
    made.name = name;
  }
  return tables;
}

}  // namespace coe
