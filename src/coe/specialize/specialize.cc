#include "coe/specialize/specialize.h"

#include "coe/base/hash.h"
#include "coe/base/json.h"
#include "coe/base/text.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/corpus/select.h"
#include "coe/engine/run_settings.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/masked/virtual_surgery.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"
#include "coe/profile/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

Json to_json(const DomainEval& d) {
  return {{"name", d.name},
          {"n_record", d.n_record},
          {"n_token", d.n_token},
          {"nll", d.nll},
          {"reference_nll", d.reference_nll},
          {"kl", d.kl},
          {"kl_max", d.kl_max},
          {"n_top1_same", d.n_top1_same},
          {"logit_diff_max", d.logit_diff_max},
          {"top1_gap_max", d.top1_gap_max}};
}

DomainEval eval_from_json(const Json& j) {
  DomainEval d;
  d.name = j.at("name");
  d.n_record = j.at("n_record");
  d.n_token = j.at("n_token");
  d.nll = j.at("nll");
  d.reference_nll = j.at("reference_nll");
  d.kl = j.at("kl");
  d.kl_max = j.at("kl_max");
  d.n_top1_same = j.at("n_top1_same");
  d.logit_diff_max = j.at("logit_diff_max");
  d.top1_gap_max = j.at("top1_gap_max");
  return d;
}

Json to_json(const SliceCheck& check) {
  Json layers = Json::array();
  for (const auto& d : check.layers)
    layers.push_back({{"layer", d.layer.value},
                      {"n_token", d.n_token},
                      {"score", d.score},
                      {"n_near_tie", d.n_near_tie},
                      {"n_other_choice", d.n_other_choice},
                      {"weight", d.weight},
                      {"output", d.output}});
  return {{"n_record", check.n_record},
          {"n_token", check.n_token},
          {"n_expert_kept", check.n_expert_kept},
          {"n_expert_ran", check.n_expert_ran},
          {"kl", check.kl_mean},
          {"logit_diff_max", check.logit_diff_max},
          {"layers", std::move(layers)}};
}

SliceCheck check_from_json(const Json& j) {
  SliceCheck check;
  check.n_record = j.at("n_record");
  check.n_token = j.at("n_token");
  check.n_expert_kept = j.at("n_expert_kept");
  check.n_expert_ran = j.at("n_expert_ran");
  check.kl_mean = j.at("kl");
  check.logit_diff_max = j.at("logit_diff_max");
  for (const auto& d : j.at("layers"))
    check.layers.push_back({LayerId{d.at("layer")}, d.at("n_token"), d.at("score"),
                            d.at("n_near_tie"), d.at("n_other_choice"), d.at("weight"),
                            d.at("output")});
  return check;
}

class Pipeline {
 public:
  Pipeline(const SpecializeOptions& options, const EngineLibrary& library, Observer& observer)
      : options_(options),
        library_(library),
        settings_(run_settings(library, options.engine)),
        engine_(library, options.engine),
        observer_(observer) {}

  Result<SpecializeReport> run();

 private:
  using Clock = std::chrono::steady_clock;

  Path beside(std::string_view suffix) const {
    return options_.output.parent_path() /
           fmt::format("{}.{}", options_.output.stem().string(), suffix);
  }
  bool may_replace() const { return options_.overwrite == Overwrite::kAllow; }
  // The stage's file is there but belongs to another run.
  static Error stale(const Path& file, std::string_view difference) {
    return {Code::kExists, fmt::format("{}: is of another run: {}", file.string(), difference),
            "add --force to replace it, or choose another output name"};
  }
  void finish(std::string name, Path file, bool reused, Clock::time_point start) {
    report_.stages.push_back({std::move(name), std::move(file), reused,
                              std::chrono::duration<double>(Clock::now() - start).count()});
  }

  Status prepare_text();
  Status stage_profile(const MoeModel& model);
  Status stage_mask();
  Status stage_prune(const gguf::GgufFile& parent, const MoeModel& model);
  Status stage_eval(const gguf::GgufFile& parent, const MoeModel& model);
  Result<Json> measure(const gguf::GgufFile& parent, const MoeModel& model);
  std::optional<std::string> read_measured(const Path& file, const std::string& settings);
  void fill_domains(const Json& measured);
  // All that decides the evaluation; see run_settings().
  std::string eval_settings(const MoeModel& model) const;

  const SpecializeOptions& options_;
  const EngineLibrary& library_;
  const std::string settings_;  // of the run
  LazyEngine engine_;           // the parent's
  Observer& observer_;
  Corpus corpus_;
  Corpus evaluation_;
  RoutingStats stats_;
  KeepMask mask_;
  std::string mask_text_;
  SpecializeReport report_;
};

Status Pipeline::prepare_text() {
  if (options_.evaluation.domains.empty()) {
    COE_TRY(auto split, split_off(options_.corpus, 10, 9));
    corpus_ = std::move(split.rest);
    evaluation_ = std::move(split.held_out);
    return {};
  }
  COE_TRY_STATUS(check_disjoint(options_.corpus, options_.evaluation));
  corpus_ = options_.corpus;
  evaluation_ = options_.evaluation;
  return {};
}

Status Pipeline::stage_profile(const MoeModel& model) {
  const auto start = Clock::now();
  ProfileOptions options = options_.profile;
  options.run_settings = settings_;
  const ProfileStage stage{beside("profile.gguf"), options_.checkpoint_seconds, true,
                           options_.overwrite, options_.command_line};
  COE_TRY(auto done, profile_stage(engine_, model, corpus_, options, stage, observer_));
  stats_ = std::move(done.run.stats);
  finish("profile", stage.file, done.reused, start);
  return {};
}

Status Pipeline::stage_mask() {
  const auto start = Clock::now();
  const Path file = beside("mask.json");
  ProfileSet profiles = options_.profiles;
  MaskRecipe recipe = options_.recipe;
  recipe.profiles = {{profiles.add(beside("profile.gguf").string(), stats_), 0.0}};
  COE_TRY_STATUS(choose_aggregate(profiles, options_.aggregate, recipe));
  COE_TRY(auto built, build_mask(profiles, recipe));
  mask_ = std::move(built.mask);
  report_.coverage = built.coverage.mean;
  mask_text_ = mask_to_json(mask_, false);
  std::error_code ec;
  if (std::filesystem::exists(file, ec)) {
    const auto found = read_text(file);
    if (found && *found == mask_text_) {
      finish("mask", file, true, start);
      return {};
    }
    if (!may_replace()) return tl::unexpected(stale(file, "it is another mask"));
  }
  COE_TRY_STATUS(write_file(file, mask_text_, options_.overwrite));
  finish("mask", file, false, start);
  return {};
}

Status Pipeline::stage_prune(const gguf::GgufFile& parent, const MoeModel& model) {
  auto start = Clock::now();
  const Path& child = options_.output;
  std::error_code ec;
  // The proof that a child already there is this one serves as the verify stage: it reads both
  // files whole.
  Result<VerifyReport> proof = fail(Code::kNotFound, "no child yet");
  if (std::filesystem::exists(child, ec)) {
    proof = verify_child(parent.path(), child, mask_, library_.dequantizer(), observer_);
    if (!(proof && proof->ok()) && !may_replace())
      return tl::unexpected(stale(child, "it is not cut by this mask"));
  }
  const bool reused = proof && proof->ok();
  if (!reused) {
    SurgeryOptions surgery;
    surgery.mask_name = beside("mask.json").string();
    COE_TRY(const auto plan, plan_surgery(parent, model, mask_, surgery));
    for (const auto& warning : plan.warnings) observer_.warning(warning);
    COE_TRY_STATUS(apply_plan(parent, plan, child, options_.overwrite, observer_));
  }
  report_.bytes_child = std::filesystem::file_size(child, ec);
  finish("prune", child, reused, start);

  start = Clock::now();
  if (!reused) {
    proof = verify_child(parent.path(), child, mask_, library_.dequantizer(), observer_);
    if (!proof) return tl::unexpected(std::move(proof).error());
  }
  if (!proof->ok()) {
    std::filesystem::remove(child, ec);
    return fail(Code::kCheckFailed,
                fmt::format("{}: failed its proof and was removed: {}: {}", child.string(),
                            proof->bad.front().where, proof->bad.front().message),
                "check the disk, then run the same command again");
  }
  report_.n_expert_checked = proof->n_expert_checked;
  finish("verify", {}, false, start);
  return {};
}

std::string Pipeline::eval_settings(const MoeModel& model) const {
  return fmt::format("model={} mask={} text={} max_tokens={} n_random={} {}", model.id.digest,
                     digest_of(mask_text_), evaluation_.digest, options_.eval.max_tokens,
                     options_.n_random, settings_);
}

Result<Json> Pipeline::measure(const gguf::GgufFile& file, const MoeModel& model) {
  Json measured;
  COE_TRY(const auto filter, virtual_surgery(mask_, file, model));
  std::optional<SliceReference> masked;
  {
    COE_TRY(auto* engine, engine_.get());
    const EvalSubject parent{engine, nullptr};
    std::vector<ExpertFilter> filters = {filter};
    for (std::uint32_t seed = 1; seed <= options_.n_random; ++seed) {
      MaskRecipe recipe;
      recipe.n_keep = options_.recipe.n_keep;
      recipe.score.score = Score::kRandom;
      recipe.score.seed = seed;
      COE_TRY(const auto random, build_mask(stats_, recipe));
      COE_TRY(filters.emplace_back(), virtual_surgery(random.mask, file, model));
    }
    std::vector<EvalSubject> subjects;
    subjects.reserve(filters.size());
    for (const auto& kept : filters) subjects.push_back({engine, &kept});
    COE_TRY(const auto reports, evaluate(subjects, &parent, evaluation_, options_.eval, observer_));
    measured["engine"] = reports.front().engine;
    measured["random"] = Json::array();
    for (std::size_t i = 0; i < reports.size(); ++i) {
      Json rows = Json::array();
      for (const auto& d : reports[i].domains) rows.push_back(to_json(d));
      if (i == 0)
        measured["specialist"] = std::move(rows);
      else
        measured["random"].push_back({{"seed", i}, {"domains", std::move(rows)}});
    }
    if (engine->info().on_gpu) {
      COE_TRY(const auto noise, noise_floor(*engine, evaluation_, observer_));
      measured["noise"] = {{"n_token", noise.n_token},
                           {"kl_mean", noise.kl_mean},
                           {"top1_agreement", noise.top1_agreement}};
    }
    auto recorded = SliceReference::record(*engine, filter, evaluation_, observer_);
    if (recorded)
      masked = *std::move(recorded);
    else if (recorded.error().code == Code::kUnsupported)
      observer_.warning(fmt::format("{}: the file's layers were not held to the parent's: {}",
                                    options_.output.string(), recorded.error().message));
    else
      return tl::unexpected(std::move(recorded).error());
    engine_.close();  // one model in memory at a time
  }
  if (!masked) return measured;
  EngineOptions child_options = options_.engine;
  child_options.model = options_.output;
  COE_TRY(const auto child, library_.open(child_options));
  COE_TRY(const auto check, masked->check(*child, SliceLimits(), observer_));
  if (!check.ok())
    return fail(Code::kCheckFailed,
                fmt::format("{}: does not compute what its parent does under the mask: {}",
                            options_.output.string(), check.finding),
                "please report this model: its architecture routes in a way coe does not know");
  measured["slice_check"] = to_json(check);
  return measured;
}

void Pipeline::fill_domains(const Json& measured) {
  if (measured.contains("slice_check"))
    report_.slice_check = check_from_json(measured.at("slice_check"));
  if (measured.contains("noise")) {
    const auto& noise = measured.at("noise");
    report_.noise =
        NoiseFloor{noise.at("n_token"), noise.at("kl_mean"), noise.at("top1_agreement")};
  }
  std::vector<DomainResult> rows;
  for (std::size_t i = 0; i < measured.at("specialist").size(); ++i) {
    DomainResult row;
    row.specialist = eval_from_json(measured.at("specialist").at(i));
    row.name = row.specialist.name;
    row.own = stats_.find_domain(row.name) != nullptr;
    for (const auto& random : measured.at("random")) {
      const auto d = eval_from_json(random.at("domains").at(i));
      row.random_perplexity.push_back(d.perplexity());
      row.random_kl.push_back(d.kl_mean());
    }
    rows.push_back(std::move(row));
  }
  std::stable_partition(rows.begin(), rows.end(), [](const DomainResult& r) { return r.own; });
  report_.domains = std::move(rows);
}

// In what the file differs from what is to be measured; nullopt where it is taken.
std::optional<std::string> Pipeline::read_measured(const Path& file, const std::string& settings) {
  const auto text = read_text(file);
  if (!text) return text.error().message;
  try {
    const Json found = parse_json_or_throw<Json>(*text);
    if (auto difference = settings_difference(found.at("settings").get<std::string>(), settings))
      return difference;
    fill_domains(found);
    return std::nullopt;
  } catch (const Json::exception&) {
    return "it has another form";
  }
}

Status Pipeline::stage_eval(const gguf::GgufFile& parent, const MoeModel& model) {
  const auto start = Clock::now();
  const Path file = beside("eval.json");
  const std::string settings = eval_settings(model);
  std::error_code ec;
  if (std::filesystem::exists(file, ec)) {
    const auto difference = read_measured(file, settings);
    if (!difference) {
      finish("eval", file, true, start);
      return {};
    }
    if (!may_replace()) return tl::unexpected(stale(file, *difference));
  }
  COE_TRY(auto measured, measure(parent, model));
  Json document = {{"schema", "coe.specialize-eval/1"},
                   {"version", tool_version()},
                   {"command_line", options_.command_line},
                   {"settings", settings},
                   {"parent", model.id.digest},
                   {"corpus", evaluation_.digest}};
  document.update(measured);
  COE_TRY_STATUS(write_file(file, document.dump(2) + "\n", options_.overwrite));
  fill_domains(document);
  finish("eval", file, false, start);
  return {};
}

Result<SpecializeReport> Pipeline::run() {
  COE_TRY(const auto parent, gguf::GgufFile::open(options_.engine.model));
  COE_TRY(const auto model, describe_moe(parent));
  COE_TRY_STATUS(check_keep_count(options_.recipe.n_keep, model.n_expert, model.n_expert_used));
  for (const auto& profile : options_.profiles.all())
    COE_TRY_STATUS(check_same_model(model.id, profile.stats->parent, profile.name));
  // Whatever stands at the output that no earlier run of ours explains is refused before the long
  // work.
  std::error_code ec;
  if (std::filesystem::exists(options_.output, ec) &&
      !std::filesystem::exists(beside("mask.json"), ec))
    COE_TRY_STATUS(check_output(options_.output, options_.overwrite));
  COE_TRY_STATUS(check_output(options_.output, Overwrite::kAllow));  // a folder to write into
  COE_TRY_STATUS(prepare_text());
  for (const auto& warning : model.warnings) observer_.warning(warning);
  report_.n_keep = options_.recipe.n_keep;
  report_.n_expert = model.n_expert;
  report_.bytes_parent = parent.header().file_bytes;
  COE_TRY_STATUS(stage_profile(model));
  COE_TRY_STATUS(stage_mask());
  COE_TRY_STATUS(stage_prune(parent, model));
  COE_TRY_STATUS(stage_eval(parent, model));
  return std::move(report_);
}

}  // namespace

Result<SpecializeReport> specialize(const SpecializeOptions& options, const EngineLibrary& library,
                                    Observer& observer) {
  return Pipeline(options, library, observer).run();
}

}  // namespace coe
