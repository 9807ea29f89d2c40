#include "coe/measure/scores/scores_run.h"

#include "coe/base/run_files.h"
#include "coe/child/heal/block.h"
#include "coe/corpus/select.h"
#include "coe/engine/run_settings.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/recipe/profile_files.h"
#include "coe/mask/recipe/random_mask.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/mask/recon/stage.h"
#include "coe/mask/score/parts.h"
#include "coe/measure/cells/measure.h"
#include "coe/measure/scores/healed.h"
#include "coe/model/moe/open_model.h"
#include "coe/profile/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace coe {

namespace {

class ScoresRun {
 public:
  ScoresRun(const ScoresOptions& options, const EngineLibrary& library, Observer& observer)
      : options_(options),
        library_(library),
        settings_(run_settings(library, options.engine)),
        observer_(observer),
        evaluation_(options.evaluation),
        engine_(library, options.engine) {}

  Result<ScoresReport> run();

 private:
  // Masks of one domain and K, in the order of rows; the draws of the row `random` come last.
  using Masks = std::vector<KeepMask>;

  bool has_recon() const { return options_.n_recon_token > 0; }
  Path in_folder(std::string_view name) const { return options_.folder / name; }
  Status check() const;
  void find_scores();
  Status find_domains();
  Status make_tables();
  Result<KeepMask> build(const std::string& domain, Score score, const std::string& table,
                         std::uint32_t n_keep) const;
  Result<Masks> masks_of(const std::string& domain, std::uint32_t n_keep) const;
  Status keep_mask(const KeepMask& mask, std::string_view row, std::string_view domain) const;
  Status make_masks();
  Status measure();
  HealOptions healing() const;
  Status part_text();
  Status measure_healed(const CellBench& bench, const SubDomain& evaluation);
  Shootout shootout_of(std::uint32_t n_keep) const;

  const ScoresOptions& options_;
  const EngineLibrary& library_;
  std::string settings_;
  Observer& observer_;
  Corpus evaluation_;
  std::optional<OpenModel> model_;
  LazyEngine engine_;
  ProfileFiles profiles_;
  std::vector<Score> scores_;
  std::vector<std::string> domains_;           // of profiles that have held-out text, sorted
  std::map<std::string, Corpus> texts_;        // of each domain, for recon
  std::map<std::string, std::string> tables_;  // digest of each domain's
  std::map<std::pair<std::string, std::uint32_t>, Masks> masks_;
  std::map<std::string, DomainCells> cells_;
  ScoresReport report_;
};

Status ScoresRun::check() const {
  if (has_recon() && !options_.has_corpus())
    return fail(Code::kInvalidArgument,
                "recon looks at the text itself, and only profiles are given",
                "give the text (-f), or leave recon out with --no-recon");
  if (options_.heal && !has_recon())
    return fail(Code::kInvalidArgument, "what is healed is what recon chooses",
                "leave --no-recon out, or --heal");
  if (const auto* values = library_.dequantizer(); options_.heal && values != nullptr)
    COE_TRY_STATUS(check_healable(model_->file, model_->moe, *values));
  for (const auto n_keep : options_.counts)
    COE_TRY_STATUS(check_keep_count(n_keep, model_->moe.n_expert, model_->moe.n_expert_used));
  return {};
}

Status ScoresRun::find_domains() {
  std::set<std::string> names;
  for (const auto& profile : profiles_.set().all()) {
    COE_TRY_STATUS(check_same_model(model_->moe.id, profile.stats->parent, profile.name));
    for (auto& name : domain_names(*profile.stats)) names.insert(std::move(name));
  }
  for (const auto& name : names) {
    const bool is_held_out =
        std::ranges::find(evaluation_.domains, name, &SubDomain::name) != evaluation_.domains.end();
    (is_held_out ? domains_ : report_.left_out).push_back(name);
  }
  if (domains_.empty())
    return fail(Code::kInvalidArgument,
                fmt::format("no held-out text is of a domain that was profiled ({})",
                            fmt::join(names, ", ")),
                "held-out records need the `domain` of the text that is profiled");
  for (const auto& name : report_.left_out)
    observer_.warning(fmt::format("{}: has no held-out text, so nothing is said of it", name));
  return {};
}

void ScoresRun::find_scores() {
  scores_ = options_.scores;
  if (!scores_.empty()) return;
  std::vector<std::string_view> unknown;
  for (const auto& row : score_rows()) {
    if (row.of_tokens == nullptr || model_->moe.n_expert_used < row.min_used) continue;
    const bool is_known = std::ranges::all_of(profiles_.set().all(), [&](const auto& profile) {
      return row.is_known_to(profile.stats->domains.front());
    });
    if (is_known)
      scores_.push_back(row.score);
    else
      unknown.push_back(row.name);
  }
  if (!unknown.empty())
    observer_.warning(fmt::format("left out, for the profiles do not hold what they need: {}",
                                  fmt::join(unknown, ", ")));
}

// What recon and healing look at.
Status ScoresRun::part_text() {
  if (!has_recon()) return {};
  for (const auto& name : domains_) {
    Corpus own = options_.corpus;
    COE_TRY_STATUS(select_domains(own, std::span(&name, 1)));
    own.digest = corpus_digest(own);
    texts_.emplace(name, std::move(own));
  }
  return {};
}

// A table of each domain's own text, as DIR/recon/NAME.gguf.
Status ScoresRun::make_tables() {
  if (!has_recon()) return {};
  const Path folder = in_folder("recon");
  COE_TRY_STATUS(make_folder(folder));
  for (const auto& name : domains_) {
    ReconOptions recon;
    recon.n_token = options_.n_recon_token;
    recon.run_settings = settings_;
    ReconStage stage;
    stage.file = folder / (file_name_of(name) + ".gguf");
    recon.state = partial_of(stage.file);
    stage.overwrite = options_.overwrite;
    stage.command_line = options_.command_line;
    stage.on_work = [this] { engine_.close(); };  // one model in memory at a time
    COE_TRY_STATUS(recon_stage(library_, options_.engine, model_->file, model_->moe,
                               texts_.at(name), recon, stage, observer_)
                       .map([](bool) {}));
    COE_TRY(tables_[name], profiles_.load_table(stage.file));
  }
  return {};
}

Result<KeepMask> ScoresRun::build(const std::string& domain, Score score, const std::string& table,
                                  std::uint32_t n_keep) const {
  MaskRecipe recipe;
  recipe.n_keep = n_keep;
  recipe.score.score = score;
  recipe.score.weights = {{domain, 1.0}};
  recipe.table = table;
  for (const auto& profile : profiles_.set().all())
    if (const auto names = domain_names(*profile.stats);
        std::ranges::find(names, domain) != names.end())
      recipe.profiles.push_back({profile.digest, 0.0});
  auto built = build_mask(profiles_.set(), recipe);
  if (!built) return tl::unexpected(std::move(built).error().context(domain));
  return std::move(built->mask);
}

// Each is kept as DIR/masks/ROW-NAME-kK.json.
Status ScoresRun::keep_mask(const KeepMask& mask, std::string_view row,
                            std::string_view domain) const {
  return keep_file(
      in_folder("masks") / fmt::format("{}-{}-k{}.json", row, file_name_of(domain), mask.n_keep()),
      mask_to_json(mask, false), options_.overwrite);
}

Result<ScoresRun::Masks> ScoresRun::masks_of(const std::string& domain,
                                             std::uint32_t n_keep) const {
  Masks masks;
  for (const auto score : scores_) {
    COE_TRY(masks.emplace_back(), build(domain, score, "", n_keep));
    COE_TRY_STATUS(keep_mask(masks.back(), score_name(score), domain));
  }
  if (has_recon()) {
    COE_TRY(masks.emplace_back(), build(domain, Score::kUtil, tables_.at(domain), n_keep));
    COE_TRY_STATUS(keep_mask(masks.back(), kReconRow, domain));
  }
  for (const auto seed : options_.random_seeds) {
    COE_TRY(masks.emplace_back(), random_mask(model_->moe, n_keep, seed));
  }
  return masks;
}

Status ScoresRun::make_masks() {
  COE_TRY_STATUS(make_folder(in_folder("masks")));
  for (const auto& domain : domains_)
    for (const auto n_keep : options_.counts) {
      COE_TRY(masks_[std::pair(domain, n_keep)], masks_of(domain, n_keep));
    }
  return {};
}

HealOptions ScoresRun::healing() const {
  auto options = *options_.heal;
  options.run_settings = settings_;
  options.state = in_folder("heal");
  return options;
}

// Those that recon chooses.
Status ScoresRun::measure_healed(const CellBench& bench, const SubDomain& evaluation) {
  std::vector<const KeepMask*> masks;
  masks.reserve(options_.counts.size());
  for (const auto n_keep : options_.counts)
    masks.push_back(&masks_.at({evaluation.name, n_keep})[scores_.size()]);
  const HealedBench healed{bench,           *model_,   library_,
                           options_.engine, healing(), in_folder("parent.logits")};
  return fill_healed(healed, texts_.at(evaluation.name), evaluation, masks,
                     cells_.at(evaluation.name), observer_);
}

Status ScoresRun::measure() {
  const CellBench bench{model_->file, model_->moe,        options_.eval, in_folder("cells"),
                        settings_,    options_.overwrite, engine_};
  std::vector<const SubDomain*> texts;
  for (const auto& name : domains_) {
    const auto& text = *std::ranges::find(evaluation_.domains, name, &SubDomain::name);
    COE_TRY(auto cells, open_cells(bench, text));
    cells_.emplace(name, std::move(cells));
    texts.push_back(&text);
  }
  for (const auto* text : texts) {
    std::vector<const KeepMask*> masks;
    for (const auto n_keep : options_.counts)
      for (const auto& mask : masks_.at({text->name, n_keep})) masks.push_back(&mask);
    COE_TRY_STATUS(fill_cells(bench, *text, masks, cells_.at(text->name), observer_));
  }
  if (options_.heal)
    for (const auto* text : texts) COE_TRY_STATUS(measure_healed(bench, *text));
  report_.engine = cells_.begin()->second.engine();
  return {};
}

Shootout ScoresRun::shootout_of(std::uint32_t n_keep) const {
  Shootout out;
  out.n_keep = n_keep;
  out.domains = domains_;
  for (const auto score : scores_) out.rows.push_back({std::string(score_name(score)), {}, {}});
  if (has_recon()) out.rows.push_back({std::string(kReconRow), {}, {}});
  const std::size_t n_chosen = out.rows.size();
  if (options_.heal)
    out.rows.push_back(
        {std::string(kReconRow), std::string(heal_method_name(options_.heal->method)), {}});
  if (!options_.random_seeds.empty()) out.rows.push_back({std::string(kRandomRow), {}, {}});
  for (const auto& domain : domains_) {
    const auto& masks = masks_.at({domain, n_keep});
    const auto& cells = cells_.at(domain);
    std::vector<DomainEval> evals;
    for (const auto& mask : masks) evals.push_back(*cells.find(mask.digest()));
    for (std::size_t r = 0; r < n_chosen; ++r) out.rows[r].cells.push_back(evals[r]);
    if (options_.heal)
      out.rows[n_chosen].cells.push_back(
          *cells.find(healed_cell(masks[n_chosen - 1], healing(), texts_.at(domain))));
    if (!options_.random_seeds.empty())
      out.rows.back().cells.push_back(mean_of_draws(std::span(evals).subspan(n_chosen)));
  }
  compare_to_first(out);
  return out;
}

Result<ScoresReport> ScoresRun::run() {
  if (options_.has_corpus()) COE_TRY_STATUS(check_disjoint(options_.corpus, evaluation_));
  keep_first(evaluation_, options_.max_records);
  report_.corpus_digest = evaluation_.digest;
  COE_TRY(model_, open_model(options_.engine.model, observer_));
  report_.model = model_->moe.id;
  COE_TRY_STATUS(check());
  COE_TRY_STATUS(make_folder(options_.folder));
  COE_TRY_STATUS(check_output(in_folder(run_files::kRows), options_.overwrite));
  COE_TRY_STATUS(make_folder(in_folder("cells")));
  COE_TRY(const auto lock, RunLock::take(in_folder(run_files::kRows)));
  if (options_.has_corpus())
    COE_TRY_STATUS(
        profile_corpus(options_, settings_, true, engine_, model_->moe, profiles_, observer_));
  for (const auto& path : options_.profiles)
    COE_TRY_STATUS(profiles_.load(path).map([](const auto&) {}));
  COE_TRY_STATUS(find_domains());
  find_scores();
  COE_TRY_STATUS(part_text());
  COE_TRY_STATUS(make_tables());
  COE_TRY_STATUS(make_masks());
  COE_TRY_STATUS(measure());
  for (const auto n_keep : options_.counts) report_.shootouts.push_back(shootout_of(n_keep));
  return std::move(report_);
}

}  // namespace

Result<ScoresReport> run_scores(const ScoresOptions& options, const EngineLibrary& library,
                                Observer& observer) {
  return ScoresRun(options, library, observer).run();
}

}  // namespace coe
