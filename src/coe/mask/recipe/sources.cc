#include "coe/mask/recipe/sources.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/mask/score/choices.h"

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

Result<PassProfile> PassSources::tables(std::string_view digest, Score score,
                                        const std::vector<std::string>& patterns) {
  COE_TRY(const auto* profile, resolve(digest));
  if (score == Score::kRandom)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: a random score says nothing about it", profile->name),
                "choose another score for the passes after the first");
  COE_TRY(const auto domains, select_domains(*profile, patterns));
  ScoreOptions options;
  options.score = score;
  for (const auto& name : domains) options.weights.emplace_back(name, 1.0);
  PassProfile out;
  out.name = profile->name;
  auto scores = compute_score(*profile->stats, options);
  if (!scores) return tl::unexpected<Error>(std::move(scores).error().context(profile->name));
  out.score = *std::move(scores);
  auto counts = count_choices(*profile->stats, domains);
  out.avg_rank = average_rank(counts, profile->stats->shape.n_expert_used);
  out.n_first = std::move(counts.n_first);
  out.n_chosen = std::move(counts.n_chosen);
  return out;
}

}  // namespace coe
