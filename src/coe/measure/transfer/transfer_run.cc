#include "coe/measure/transfer/transfer_run.h"

#include "coe/base/printable.h"
#include "coe/base/run_files.h"
#include "coe/corpus/select.h"
#include "coe/engine/run_settings.h"
#include "coe/mask/compare/agg_cosine.h"
#include "coe/mask/compare/overlap.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/recipe/profile_files.h"
#include "coe/measure/cells/measure.h"
#include "coe/measure/transfer/measure.h"
#include "coe/measure/transfer/picture.h"
#include "coe/model/moe/open_model.h"

#include <fmt/format.h>

#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

namespace coe {

namespace {

class TransferRun {
 public:
  TransferRun(const TransferOptions& options, const EngineLibrary& library, Observer& observer)
      : options_(options),
        library_(library),
        observer_(observer),
        evaluation_(options.evaluation),
        engine_(library, options.engine) {}

  Result<TransferReport> run();

 private:
  Path cells() const { return options_.folder / "cells"; }
  Status add_specialist(TransferMask mask);
  Status add_masks_of_profiles();
  Status add_ready_masks();
  Status add_random_masks();
  Status keep_masks() const;
  Status check_outputs() const;
  Result<std::vector<TransferMatrix>> measure();
  Result<TransferResult> read(TransferMatrix matrix, const std::vector<TransferMask>& masks);
  Status draw(const TransferResult& result) const;

  const TransferOptions& options_;
  const EngineLibrary& library_;
  Observer& observer_;
  Corpus evaluation_;
  std::optional<OpenModel> model_;
  LazyEngine engine_;
  ProfileFiles profiles_;
  TransferReport report_;
};

Status TransferRun::add_specialist(TransferMask mask) {
  const auto n_keep = mask.mask.n_keep();
  auto& masks = report_.masks[n_keep];
  for (const auto& other : masks)
    if (other.name == mask.name)
      return fail(
          Code::kInvalidArgument,
          fmt::format("{}: two specialists of {} experts have this name", mask.name, n_keep),
          "give each mask a name of its own");
  masks.push_back(std::move(mask));
  return {};
}

Status TransferRun::add_masks_of_profiles() {
  MaskRecipe recipe;
  recipe.score.score = options_.score;
  for (const auto& profile : profiles_.set().all())
    COE_TRY_STATUS(check_same_model(model_->moe.id, profile.stats->parent, profile.name));
  for (const auto n_keep : options_.counts) {
    COE_TRY(auto masks, domain_masks(profiles_.set(), recipe, n_keep));
    for (auto& mask : masks) COE_TRY_STATUS(add_specialist(std::move(mask)));
  }
  return {};
}

Status TransferRun::add_ready_masks() {
  for (const auto& ready : options_.masks) {
    COE_TRY(auto mask, read_mask(ready.file));
    COE_TRY_STATUS(check_mask(mask, model_->moe, ready.file.string()));
    COE_TRY_STATUS(add_specialist({ready.name, false, std::move(mask)}));
  }
  return {};
}

Status TransferRun::add_random_masks() {
  for (auto& [n_keep, masks] : report_.masks) {
    for (const auto seed : options_.random_seeds) {
      COE_TRY(auto mask, random_transfer_mask(model_->moe, n_keep, seed));
      masks.push_back(std::move(mask));
    }
  }
  return {};
}

// Each mask is kept as DIR/masks/NAME-kK.json.
Status TransferRun::keep_masks() const {
  const Path folder = options_.folder / "masks";
  COE_TRY_STATUS(make_folder(folder));
  for (const auto& [n_keep, masks] : report_.masks) {
    for (const auto& one : masks) {
      const Path file = folder / fmt::format("{}-k{}.json", file_name_of(one.name), n_keep);
      const auto text = mask_to_json(one.mask, false);
      COE_TRY_STATUS(keep_file(file, text, options_.overwrite));
    }
  }
  return {};
}

Status TransferRun::check_outputs() const {
  COE_TRY_STATUS(check_output(options_.folder / run_files::kRows, options_.overwrite));
  // Pictures that a run drew before it was stopped are no hindrance: they are drawn alike.
  std::error_code ec;
  if (std::filesystem::is_directory(cells(), ec)) return {};
  for (const auto& [n_keep, masks] : report_.masks) {
    COE_TRY_STATUS(check_output(options_.folder / matrix_file(n_keep), options_.overwrite));
    COE_TRY_STATUS(check_output(options_.folder / scatter_file(n_keep), options_.overwrite));
  }
  return {};
}

Result<std::vector<TransferMatrix>> TransferRun::measure() {
  std::vector<std::vector<TransferMask>> sets;
  sets.reserve(report_.masks.size());
  for (const auto& [n_keep, masks] : report_.masks) sets.push_back(masks);
  const TransferBench bench{{model_->file, model_->moe, options_.eval, cells(),
                             run_settings(library_, options_.engine), options_.overwrite, engine_},
                            evaluation_};
  return measure_transfer(bench, sets, observer_);
}

Result<TransferResult> TransferRun::read(TransferMatrix matrix,
                                         const std::vector<TransferMask>& masks) {
  std::vector<NamedMask> named;
  for (const auto& one : masks)
    if (!one.random) named.push_back({one.name, one.mask});
  std::optional<Overlap> overlap;
  std::optional<AggCosine> cosine;
  if (named.size() >= 2) {
    COE_TRY(overlap, overlap_of(named));
    auto found = agg_cosine(model_->file, model_->moe, named, *overlap, library_.dequantizer(), {},
                            observer_);
    if (found)
      cosine = *std::move(found);
    else if (found.error().code == Code::kUnsupported)
      observer_.warning(found.error().message + "; no Agg-cos is reported");
    else
      return tl::unexpected(std::move(found).error());
  }
  TransferResult result{std::move(matrix), {}, {}};
  result.square =
      square_of(result.matrix, overlap ? &*overlap : nullptr, cosine ? &*cosine : nullptr);
  result.reading = read_square(result.square);
  return result;
}

Status TransferRun::draw(const TransferResult& result) const {
  const auto n_keep = result.matrix.n_keep;
  COE_TRY_STATUS(keep_file(options_.folder / matrix_file(n_keep), matrix_svg(result.matrix),
                           options_.overwrite));
  if (!result.reading.has_correlation()) return {};
  return keep_file(options_.folder / scatter_file(n_keep),
                   scatter_svg(result.matrix, result.square, result.reading), options_.overwrite);
}

Result<TransferReport> TransferRun::run() {
  if (options_.has_corpus()) COE_TRY_STATUS(check_disjoint(options_.corpus, evaluation_));
  keep_first(evaluation_, options_.max_records);
  report_.corpus_digest = evaluation_.digest;
  COE_TRY(model_, open_model(options_.engine.model, observer_));
  report_.model = model_->moe.id;
  for (const auto n_keep : options_.counts)
    COE_TRY_STATUS(check_keep_count(n_keep, model_->moe.n_expert, model_->moe.n_expert_used));
  COE_TRY_STATUS(add_ready_masks());
  for (const auto n_keep : options_.counts) report_.masks[n_keep];  // names outputs to check
  COE_TRY_STATUS(make_folder(options_.folder));
  COE_TRY_STATUS(check_outputs());
  COE_TRY_STATUS(make_folder(cells()));
  COE_TRY(const auto lock, RunLock::take(options_.folder / run_files::kRows));
  if (options_.has_corpus())
    COE_TRY_STATUS(profile_corpus(options_, run_settings(library_, options_.engine), false, engine_,
                                  model_->moe, profiles_, observer_));
  for (const auto& path : options_.profiles)
    COE_TRY_STATUS(profiles_.load(path).map([](const auto&) {}));
  COE_TRY_STATUS(add_masks_of_profiles());
  COE_TRY_STATUS(add_random_masks());
  COE_TRY_STATUS(keep_masks());

  COE_TRY(auto matrices, measure());
  if (!matrices.empty()) report_.engine = matrices.front().engine;
  std::size_t k = 0;
  for (const auto& [n_keep, masks] : report_.masks) {
    COE_TRY(auto result, read(std::move(matrices[k++]), masks));
    report_.results.push_back(std::move(result));
  }
  for (const auto& result : report_.results) COE_TRY_STATUS(draw(result));
  return std::move(report_);
}

}  // namespace

std::string matrix_file(std::uint32_t n_keep) { return fmt::format("matrix-k{}.svg", n_keep); }
std::string scatter_file(std::uint32_t n_keep) { return fmt::format("scatter-k{}.svg", n_keep); }

Result<ReadyMask> parse_ready_mask(const std::string& text) {
  const auto at = text.find('=');
  if (at == 0 || at == std::string::npos || at + 1 == text.size())
    return fail(Code::kInvalidArgument,
                fmt::format("--masks: `{}` is not NAME=FILE", printable(text)),
                "name the sub-domain that the mask is for: --masks web=web.json");
  return ReadyMask{text.substr(0, at), text.substr(at + 1)};
}

Result<TransferReport> run_transfer(const TransferOptions& options, const EngineLibrary& library,
                                    Observer& observer) {
  return TransferRun(options, library, observer).run();
}

}  // namespace coe
