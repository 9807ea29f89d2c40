#include "coe/recipe/recipe.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/moe/expert_table.h"
#include "coe/moe/top_k.h"
#include "coe/recipe/recipe_json.h"
#include "coe/score/choices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

namespace coe {

namespace {

// Without what has no meaning.
MaskRecipe canonical(MaskRecipe recipe) {
  recipe.score.n_keep = recipe.n_keep;
  std::ranges::sort(recipe.score.weights);
  std::ranges::sort(recipe.profiles, {},
                    [](const DomainProfile& p) { return std::tuple(p.digest, p.weight); });
  std::ranges::sort(recipe.exempt);
  if (recipe.whitelist) std::ranges::sort(recipe.whitelist->profiles);
  if (recipe.closure && recipe.closure->two < recipe.closure->one)
    std::swap(recipe.closure->one, recipe.closure->two);
  const auto sort_domains = [](ArbitragePass& pass) { std::ranges::sort(pass.domains); };
  if (recipe.cot) sort_domains(*recipe.cot);
  std::ranges::for_each(recipe.protect, sort_domains);
  std::ranges::sort(recipe.protect, {}, [](const ArbitragePass& p) {
    return std::tuple(p.profile, p.rule.cap, p.rule.skip, p.score, p.domains, p.t06);
  });
  return recipe;
}

template <class T>
Result<T> in_context(Result<T> result, std::string_view name) {
  if (!result) return tl::unexpected<Error>(std::move(result).error().context(name));
  return result;
}

class MaskJob {
 public:
  MaskJob(const ProfileSet& profiles, const MaskRecipe& recipe)
      : profiles_(profiles), recipe_(recipe) {}

  Result<BuiltMask> run();

 private:
  // Pass 1's tables, and what of each profile went into them.
  struct Domain {
    PassProfile tables;
    std::vector<DomainUse> used;
    std::optional<ExpertTable<double>> measure;  // for coverage, where it is not the score
  };

  Result<const NamedProfile*> resolve(std::string_view digest);
  Result<Domain> domain();
  Result<const ScoreTable*> table() const;
  Result<ExpertTable<double>> domain_score(const RoutingStats& stats, DomainUse& use) const;
  Result<RoutingStats> added_up(std::span<const DomainUse> used) const;
  Result<PassProfile> tables(const std::string& digest, Score score,
                             const std::vector<std::string>& patterns);
  Result<PassReport> whitelist(MaskBuilder& builder);
  Result<PassReport> arbitrate(MaskBuilder& builder, std::string kind, const ArbitragePass& pass);
  Result<PassReport> close(MaskBuilder& builder);
  Status run_passes(MaskBuilder& builder, BuiltMask& built);
  std::string label_of(const std::string& digest) const {
    return profile_label(*profiles_.find(digest)->stats);
  }

  const ProfileSet& profiles_;
  const MaskRecipe& recipe_;
  const RoutingStats* reference_ = nullptr;  // the first profile: what all must be like
  std::vector<MaskPass> passes_;
};

Result<const NamedProfile*> MaskJob::resolve(std::string_view digest) {
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

Result<ExpertTable<double>> MaskJob::domain_score(const RoutingStats& stats, DomainUse& use) const {
  auto options = recipe_.score;
  // The weights that are found are told, too.
  if (options.blend == Blend::kMaxMin && options.score != Score::kRandom) {
    COE_TRY(use.maxmin, maxmin_weights(stats, options));
    options.weights = use.maxmin;
    options.blend = Blend::kSubdomain;
  }
  return compute_score(stats, options);
}

Result<RoutingStats> MaskJob::added_up(std::span<const DomainUse> used) const {
  RoutingStats sum = *used.front().profile->stats;
  for (const auto& use : used.subspan(1))
    if (auto status = merge_into(sum, *use.profile->stats); !status)
      return tl::unexpected<Error>(std::move(status).error().context(use.profile->name));
  return sum;
}

Result<MaskJob::Domain> MaskJob::domain() {
  Domain out;
  std::size_t n_weighted = 0;
  for (const auto& item : recipe_.profiles) {
    COE_TRY(const auto* profile, resolve(item.digest));
    out.used.push_back({profile, item.weight, {}});
    if (!(item.weight >= 0.0))
      return fail(Code::kInvalidArgument, fmt::format("{}: weight {} is not a positive number",
                                                      profile->name, item.weight));
    n_weighted += item.weight > 0.0 ? 1 : 0;
  }
  if (out.used.empty())
    return fail(Code::kInvalidArgument, "the recipe names no profile to score by");
  if (n_weighted != 0 && n_weighted != out.used.size())
    return fail(Code::kInvalidArgument,
                fmt::format("{} of {} profiles have a weight", n_weighted, out.used.size()),
                "give every profile a weight to blend their scores, or none to add them up");
  const std::uint32_t n_used = reference_->shape.n_expert_used;
  COE_TRY_STATUS(check_keep_count(recipe_.n_keep, reference_->shape.n_expert, n_used));

  std::optional<RoutingStats> sum;
  if (n_weighted == 0 && out.used.size() > 1) {
    COE_TRY(sum, added_up(out.used));
  }
  std::vector<ExpertTable<double>> scores;
  std::vector<ChoiceCounts> counts;
  std::vector<double> weights;
  std::vector<std::string> names;
  const std::size_t n_table = sum ? 1 : out.used.size();
  for (std::size_t i = 0; i < n_table; ++i) {
    auto& use = out.used[i];
    const auto& stats = sum ? *sum : *use.profile->stats;
    names.push_back(use.profile->name);
    weights.push_back(n_table > 1 ? use.weight : 1.0);
    COE_TRY(scores.emplace_back(), in_context(domain_score(stats, use), names.back()));
    COE_TRY(const auto domains, scored_domains(stats, recipe_.score));
    counts.push_back(count_choices(stats, domains));
    if (counts.back().n_tokens == 0)
      return fail(Code::kInvalidArgument, fmt::format("{}: has no tokens", names.back()));
  }
  out.tables.name = names.front();
  out.tables.avg_rank = average_rank(counts, weights, n_used);
  if (n_table == 1) {
    out.tables.score = std::move(scores.front());
  } else {
    COE_TRY(out.tables.score,
            blend_scores(std::move(scores), weights, names, reference_->shape.layers));
  }
  if (!recipe_.table.empty()) {
    COE_TRY(const auto* given, table());
    out.measure = std::exchange(out.tables.score, given->scores);
  }
  return out;
}

Result<const ScoreTable*> MaskJob::table() const {
  const auto* found = profiles_.find_table(recipe_.table);
  if (found == nullptr)
    return fail(Code::kNotFound,
                fmt::format("no score table given has the content {} that the recipe names",
                            printable(recipe_.table)),
                "give the table that the mask was made from with --score-table");
  const auto& table = *found->table;
  const auto& shape = reference_->shape;
  if (auto status = check_same_model(reference_->parent, table.parent, found->name); !status)
    return tl::unexpected<Error>(std::move(status).error());
  if (table.layers != shape.layers || table.scores.n_expert() != shape.n_expert ||
      table.n_expert_used != shape.n_expert_used)
    return fail(
        Code::kMismatch,
        fmt::format("{}: scores {} layers of {} experts ({} used), the profiles have {} of "
                    "{} ({} used)",
                    found->name, table.layers.size(), table.scores.n_expert(), table.n_expert_used,
                    shape.n_layer(), shape.n_expert, shape.n_expert_used));
  return &table;
}

Result<PassProfile> MaskJob::tables(const std::string& digest, Score score,
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
  COE_TRY(out.score, in_context(compute_score(*profile->stats, options), profile->name));
  auto counts = count_choices(*profile->stats, domains);
  out.avg_rank = average_rank(counts, profile->stats->shape.n_expert_used);
  out.n_first = std::move(counts.n_first);
  out.n_chosen = std::move(counts.n_chosen);
  return out;
}

Result<PassReport> MaskJob::whitelist(MaskBuilder& builder) {
  PassReport report{"whitelist", {}, {}};
  std::vector<PassProfile> listed;
  for (const auto& digest : recipe_.whitelist->profiles) {
    COE_TRY(listed.emplace_back(), tables(digest, Score::kUtil, {}));
    report.profiles.push_back(label_of(digest));
  }
  COE_TRY(report.log, builder.whitelist(listed, recipe_.whitelist->rule));
  passes_.push_back(whitelist_pass(*recipe_.whitelist, profiles_, report.log));
  return report;
}

Result<PassReport> MaskJob::arbitrate(MaskBuilder& builder, std::string kind,
                                      const ArbitragePass& pass) {
  COE_TRY(const auto other, tables(pass.profile, pass.score, pass.domains));
  PassReport report{std::move(kind), {label_of(pass.profile)}, {}};
  std::optional<PassProfile> second;
  if (!pass.t06.empty()) {
    COE_TRY(second, tables(pass.t06, pass.score, pass.domains));
    const double temperature = profiles_.find(pass.profile)->stats->router_temperature;
    if (profiles_.find(pass.t06)->stats->router_temperature == temperature)
      return fail(Code::kMismatch,
                  fmt::format("{}: taken at the router temperature of {} ({}), so there is nothing "
                              "to filter by",
                              second->name, other.name, temperature),
                  "profile the same text with --router-temperature 0.6");
  }
  COE_TRY(report.log, builder.arbitrate(other, pass.rule, second ? &*second : nullptr));
  passes_.push_back(arbitrage_pass(report.pass, pass, profiles_, report.log));
  return report;
}

Result<PassReport> MaskJob::close(MaskBuilder& builder) {
  const auto& pass = *recipe_.closure;
  const std::vector<std::string> closing = {"*/closing"};
  COE_TRY(const auto one, tables(pass.one, Score::kUtil, closing));
  COE_TRY(const auto two, tables(pass.two, Score::kUtil, closing));
  const auto& corpus = profiles_.find(pass.one)->stats->corpus_digest;
  if (pass.one == pass.two ||
      (!corpus.empty() && corpus == profiles_.find(pass.two)->stats->corpus_digest))
    return fail(Code::kInvalidArgument,
                fmt::format("{}: closure needs two independent corpora, but {} is of the same one",
                            two.name, one.name),
                "profile other text with --roles or --generate");
  PassReport report{"closure", {label_of(pass.one), label_of(pass.two)}, {}};
  COE_TRY(report.log, builder.close(one, two, pass.rule));
  passes_.push_back(closure_pass(pass, profiles_, report.log));
  return report;
}

Status MaskJob::run_passes(MaskBuilder& builder, BuiltMask& built) {
  if (!recipe_.exempt.empty()) {
    if (auto status = builder.exempt(recipe_.exempt); !status)
      return tl::unexpected<Error>(std::move(status).error().context("exempt experts"));
    passes_.push_back(exempt_pass(recipe_));
  }
  if (recipe_.whitelist) {
    COE_TRY(built.passes.emplace_back(), whitelist(builder));
  }
  if (recipe_.cot) {
    COE_TRY(built.passes.emplace_back(), arbitrate(builder, "cot", *recipe_.cot));
  }
  if (recipe_.closure) {
    COE_TRY(built.passes.emplace_back(), close(builder));
  }
  if (recipe_.structural) {
    const auto& pass = *recipe_.structural;
    PassReport report{"structural", {}, {}};
    COE_TRY(report.log, in_context(builder.inject(pass.experts, pass.cap), "structural list"));
    passes_.push_back(structural_pass(pass, report.log));
    built.passes.push_back(std::move(report));
  }
  for (const auto& pass : recipe_.protect) {
    COE_TRY(built.passes.emplace_back(), arbitrate(builder, "protect", pass));
  }
  return {};
}

Result<BuiltMask> MaskJob::run() {
  COE_TRY(auto first, domain());
  BuiltMask built;
  for (const auto& use : first.used)
    built.domain += (built.domain.empty() ? "" : ", ") + profile_label(*use.profile->stats);
  const KeepRule rule{recipe_.n_keep, reference_->n_expert_group, reference_->n_chunk_expert};
  COE_TRY(auto builder,
          MaskBuilder::create(std::move(first.tables), reference_->shape.layers, rule));
  if (first.measure) builder.measure_by(*std::move(first.measure));
  built.domain_coverage = builder.covered();
  passes_.push_back(domain_pass(recipe_, profiles_, first.used, built.domain_coverage));
  COE_TRY_STATUS(run_passes(builder, built));
  built.mask = builder.mask();
  built.mask.parent = reference_->parent;
  built.mask.passes = std::move(passes_);
  built.coverage = builder.covered();
  return built;
}

}  // namespace

std::string pass_1_score(const ProfileSet& profiles, const MaskRecipe& recipe) {
  if (recipe.table.empty()) return std::string(score_name(recipe.score.score));
  return profiles.find_table(recipe.table)->table->score;
}

Status check_keep_count(std::uint32_t n_keep, std::uint32_t n_expert, std::uint32_t n_expert_used) {
  const auto hint = fmt::format("choose K from {} to {}", n_expert_used, n_expert - 1);
  if (n_keep < n_expert_used)
    return fail(Code::kInvalidArgument,
                fmt::format("K = {} is below the {} experts used per token", n_keep, n_expert_used),
                hint);
  if (n_keep >= n_expert)
    return fail(Code::kInvalidArgument,
                fmt::format("K = {} leaves nothing to cut: the model has {} experts a layer",
                            n_keep, n_expert),
                hint);
  return {};
}

Result<BuiltMask> build_mask(const ProfileSet& profiles, const MaskRecipe& recipe) {
  const auto ordered = canonical(recipe);
  return MaskJob(profiles, ordered).run();
}

Result<BuiltMask> build_mask(const RoutingStats& stats, const MaskRecipe& recipe) {
  ProfileSet profiles;
  const auto digest = profiles.add("the profile", stats);
  auto named = recipe;
  if (named.profiles.empty()) named.profiles.push_back({digest, 0.0});
  return build_mask(profiles, named);
}

}  // namespace coe
