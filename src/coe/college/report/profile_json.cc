#include "coe/college/report/profile_json.h"

#include "coe/base/json.h"
#include "coe/college/report/numbers.h"
#include "coe/mask/compare/overlap.h"
#include "coe/mask/compare/tolerance.h"
#include "coe/mask/recipe/passes/domain.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/mask/score/parts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

namespace coe {
namespace {

using Json = nlohmann::ordered_json;

// Values of the sub-domains' own tables; more would make the page too large.
constexpr std::size_t kMaxDomainValues = 200'000;
// Tokens that counts are scaled to where there were more: the digits of large counts are most of a
// large page.
constexpr std::int64_t kMaxRankTokens = 100'000;
// Points of a coverage curve.
constexpr std::size_t kMaxCurvePoints = 32;

// How the experts of a run are scored: as pass 1 of its mask did where that can be done again.
struct Scoring {
  ScoreOptions options;
  ExpertTable<double> score;
};

Result<Scoring> scoring_of(const RunFacts& run) {
  Scoring out;
  const auto& stats = run.profiles.front().stats;
  const auto recipe = run.mask ? recipe_of(*run.mask)
                               : Result<MaskRecipe>(fail(Code::kNotFound, "there is no mask"));
  // Chance says nothing of experts.
  if (recipe && recipe->score.score != Score::kRandom) {
    out.options = recipe->score;
    out.options.n_keep = recipe->n_keep;
    auto scored = *recipe;
    scored.table.clear();
    ProfileSet profiles;
    for (const auto& named : run.profiles) profiles.add(named.file.string(), named.stats);
    PassSources sources(profiles, recipe->score.blend);
    if (auto tables = domain_tables(sources, scored)) {
      out.score = tables->measure ? *std::move(tables->measure) : std::move(tables->tables.score);
      return out;
    }
  }
  out.options.score = Score::kUtil;
  if (out.options.blend == Blend::kMaxMin) out.options.blend = Blend::kSubdomain;
  COE_TRY(out.score, compute_score(stats, out.options));
  return out;
}

// What chose at all is not scaled to nothing.
std::int64_t scaled(std::int64_t n, std::int64_t n_token) {
  if (n_token <= kMaxRankTokens || n == 0) return n;
  return std::max<std::int64_t>(
      1, std::llround(static_cast<double>(n) * static_cast<double>(kMaxRankTokens) /
                      static_cast<double>(n_token)));
}

// [L][E*R] tokens that chose expert e at rank k, over the sub-domains that the score looks at, and
// how many tokens these are of.
Status add_ranks(const RunFacts& run, const ScoreOptions& options, Json& json) {
  const auto& shape = run.profiles.front().stats.shape;
  std::vector<std::int64_t> sums(shape.n_ranked(), 0);
  std::int64_t n_token = 0;
  for (const auto& named : run.profiles) {
    COE_TRY(const auto parts, parts_of(named.stats, options));
    for (const auto& part : parts)
      for (const auto* domain : part.domains) {
        n_token += domain->n_token;
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += domain->histograms[i];
      }
  }
  Json rows = Json::array();
  const std::size_t row = std::size_t{shape.n_expert} * shape.n_expert_used;
  for (std::size_t l = 0; l < shape.n_layer(); ++l) {
    Json values = Json::array();
    for (std::size_t i = l * row; i < (l + 1) * row; ++i)
      values.push_back(scaled(sums[i], n_token));
    rows.push_back(std::move(values));
  }
  json["rank_tokens"] = std::min(n_token, kMaxRankTokens);
  json["ranks"] = std::move(rows);
  return {};
}

Json domains_json(const RunFacts& run) {
  Json domains = Json::array();
  for (const auto& named : run.profiles)
    for (const auto& domain : named.stats.domains)
      domains.push_back({{"name", domain.name},
                         {"weight", domain.weight},
                         {"n_token", domain.n_token},
                         {"n_sample", domain.n_sample}});
  return domains;
}

std::vector<NamedMask> named_mask(const RunFacts& run) {
  if (!run.mask) return {};
  return {{run.name, *run.mask}};
}

Json coverage_json(const Tolerance& found, std::uint32_t n_keep) {
  std::set<std::size_t> points;
  const std::size_t n = found.n_keeps.size();
  for (std::size_t i = 0; i < std::min(n, kMaxCurvePoints); ++i)
    points.insert(i * (n - 1) / std::max<std::size_t>(1, std::min(n, kMaxCurvePoints) - 1));
  for (std::size_t i = 0; i < n; ++i)
    if (found.n_keeps[i] == n_keep) points.insert(i);
  Json json = {{"n_keeps", Json::array()}, {"layers", Json::array()}, {"enough", Json::array()}};
  for (const auto i : points) json["n_keeps"].push_back(found.n_keeps[i]);
  for (std::size_t l = 0; l < found.curve.n_layer(); ++l) {
    Json row = Json::array();
    for (const auto i : points) row.push_back(rounded_for_page(found.curve.at(l, i)));
    json["layers"].push_back(std::move(row));
    json["enough"].push_back(found.enough[l]);
  }
  return json;
}

// The mask that each sub-domain would have by itself, and how much of two is the same.
struct DomainMasks {
  std::vector<NamedMask> masks;
  std::vector<ExpertTable<double>> scores;
};

Result<DomainMasks> domain_masks(const RoutingStats& stats, Score score, std::uint32_t n_keep) {
  DomainMasks out;
  for (const auto& name : domain_names(stats)) {
    ScoreOptions options;
    options.score = score;
    options.weights = {{name, 1.0}};
    auto table = compute_score(stats, options);
    if (!table) continue;  // text without tokens
    COE_TRY(auto mask, top_k_mask(*table, stats.shape.layers, n_keep,
                                  std::max<std::uint32_t>(1, stats.shape.n_expert_group),
                                  stats.shape.n_chunk_expert));
    out.masks.push_back({name, std::move(mask)});
    out.scores.push_back(*std::move(table));
  }
  return out;
}

Json names_of(const std::vector<NamedMask>& masks) {
  Json names = Json::array();
  for (const auto& mask : masks) names.push_back(mask.name);
  return names;
}

Result<Json> overlap_of_domains(const DomainMasks& domains) {
  COE_TRY(const auto overlap, overlap_of(domains.masks));
  const std::size_t n = domains.masks.size();
  std::vector<std::vector<double>> mean(n, std::vector<double>(n, 1.0));
  for (const auto& pair : overlap.pairs)
    mean[pair.a][pair.b] = mean[pair.b][pair.a] = rounded_for_page(pair.jaccard_mean);
  return Json{{"names", names_of(domains.masks)}, {"jaccard", mean}};
}

Json scores_of_domains(const DomainMasks& domains) {
  Json tables = Json::array();
  for (const auto& score : domains.scores) tables.push_back(rounded_table(score));
  return {{"names", names_of(domains.masks)}, {"scores", std::move(tables)}};
}

}  // namespace

Result<Json> profile_json(const RunFacts& run, std::vector<std::string>& missing) {
  const auto& stats = run.profiles.front().stats;
  const auto n_keep = run.mask ? run.mask->n_keep() : stats.shape.n_expert / 2;
  COE_TRY(const auto scoring, scoring_of(run));
  Json json = {{"score", score_name(scoring.options.score)},
               {"engine", stats.engine},
               {"corpus", stats.corpus_digest},
               {"layers", Json::array()},
               {"n_token", 0},
               {"n_sample", 0},
               {"domains", domains_json(run)},
               {"scores", rounded_table(scoring.score)}};
  for (const LayerId layer : stats.shape.layers) json["layers"].push_back(layer.value);
  for (const auto& named : run.profiles) {
    json["n_token"] = json["n_token"].get<std::int64_t>() + named.stats.n_token();
    json["n_sample"] = json["n_sample"].get<std::int64_t>() + named.stats.n_sample();
  }
  COE_TRY_STATUS(add_ranks(run, scoring.options, json));
  if (run.mask)
    json["covered"] = rounded_row(coverage(*run.mask, scoring.score, stats.shape.layers).layers);
  if (run.profiles.size() > 1) {
    missing.emplace_back(
        "coverage over K, entropy and the overlap of sub-domains: the mask was made of several "
        "profiles");
    return json;
  }
  COE_TRY(const auto found, tolerance_of(run.name, stats, scoring.options, named_mask(run)));
  json["entropy"] = rounded_row(found.entropy);
  json["coverage"] = coverage_json(found, n_keep);
  COE_TRY(const auto domains, domain_masks(stats, scoring.options.score, n_keep));
  if (domains.masks.size() < 2) return json;
  COE_TRY(json["overlap"], overlap_of_domains(domains));
  if (domains.masks.size() * stats.shape.n_flat() <= kMaxDomainValues)
    json["by_domain"] = scores_of_domains(domains);
  else
    missing.emplace_back("scores of each sub-domain: they would make the page too large");
  return json;
}

}  // namespace coe
