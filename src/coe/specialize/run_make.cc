#include "coe/ask/answer/engine_answerer.h"
#include "coe/ask/generate/generate.h"
#include "coe/base/hash.h"
#include "coe/base/json.h"
#include "coe/base/sealed_json.h"
#include "coe/base/text.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/names.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/surgery/records.h"
#include "coe/child/verify/verify.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/recon/stage.h"
#include "coe/measure/tune/choose.h"
#include "coe/model/gguf/typed_keys.h"
#include "coe/profile/routing/file.h"
#include "coe/specialize/run.h"

#include <fmt/format.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

// Opens the engine when it is first asked.
class LazyAnswerer : public Answerer {
 public:
  // `on_work` is called before the first answer.
  LazyAnswerer(LazyEngine& engine, std::string model, std::function<void()> on_work)
      : engine_(engine), on_work_(std::move(on_work)) {
    info_.model = std::move(model);
  }
  const AnswererInfo& info() const override { return answerer_ ? answerer_->info() : info_; }
  Result<ChatAnswer> answer(const AnswerRequest& request, Observer& observer) override {
    if (!answerer_) {
      on_work_();
      COE_TRY(auto* const engine, engine_.get());
      COE_TRY(answerer_, EngineAnswerer::create(*engine, info_.model));
    }
    return answerer_->answer(request, observer);
  }

 private:
  LazyEngine& engine_;
  std::function<void()> on_work_;
  AnswererInfo info_;
  std::optional<EngineAnswerer> answerer_;
};

// What the file calls itself; empty where it does not say.
std::string name_in(const Path& file) {
  const auto model = gguf::GgufFile::open(file);
  return model ? gguf::text_at(model->header(), "general.name").value_or("") : "";
}

}  // namespace

Status SpecializeRun::stage_profile(const MoeModel& model) {
  const auto start = Clock::now();
  if (!options_.profile.empty()) {
    COE_TRY(stats_, read_profile(options_.profile));
    COE_TRY_STATUS(check_same_model(model.id, stats_.parent, options_.profile.string()));
    if (!corpus_.domains.empty() && stats_.corpus_digest != corpus_.digest)
      observer_.warning(
          fmt::format("{}: was made of other text than -f without its held-out part: what is "
                      "measured on that may flatter the specialist",
                      options_.profile.string()));
    finish("profile", options_.profile, true, start);
    return {};
  }
  auto stage = stage_of("profile.gguf");
  stage.on_work = [this] { begin("profile"); };
  COE_TRY(auto done, profile_stage(engine_, model, corpus_, profiling(), stage, observer_));
  stats_ = std::move(done.run.stats);
  finish("profile", beside("profile.gguf"), done.reused, start);
  return {};
}

// The parent answers questions; its thinking becomes the CoT text.
Status SpecializeRun::stage_cot(const MoeModel& model) {
  if (options_.cot_questions.domains.empty()) return {};
  const auto start = Clock::now();
  GenerateCorpusOptions generate;
  generate.folder = beside("cot");
  generate.identity = fmt::format("model={} {}", model.id.digest, settings_);
  generate.ask = options_.cot_ask;
  LazyAnswerer answerer(engine_, options_.engine.model.string(), [this] { begin("cot"); });
  COE_TRY(const auto report,
          generate_corpus(answerer, options_.cot_questions, generate, observer_));
  if (report.n_thinking == 0)
    return fail(Code::kCheckFailed,
                fmt::format("{}: {} of {} questions were answered, none with thinking",
                            generate.folder.string(), report.n_done, report.n_question),
                "give text of reasoning with --cot");
  finish("cot", generate.folder, report.n_asked == 0, start);
  return texts_.add(passes_.cot, taking(default_text_spec(), "thinking"), model.id, evaluation_,
                    observer_);
}

Status SpecializeRun::stage_passes(const MoeModel& model) {
  const auto digest = texts_.add(beside("profile.gguf").string(), stats_);
  recipe_.n_keep = options_.n_keep;
  recipe_.score.score = options_.score;
  recipe_.profiles = {{digest, 0.0}};
  COE_TRY_STATUS(choose_aggregate(texts_.set(), options_.aggregate, recipe_));
  auto clock = Clock::now();
  const PassTexts::Making making{
      engine_,
      model,
      profiling(),
      stage_of("profile.gguf"),
      [this](std::string_view use) { return beside(fmt::format("{}.profile.gguf", use)); },
      [this](std::string_view use) { begin(use); },
      [&](std::string name, const Path& file, const StagedProfile& done) {
        finish(std::move(name), file, done.reused, clock);
        clock = Clock::now();
      }};
  COE_TRY_STATUS(read_passes(
      passes_,
      [&](const Path& file, const ProfileUse& use) {
        return texts_.profile_of(file, use, making, observer_);
      },
      recipe_));
  return add_whitelist(digest);
}

// Leading experts of the domain are guaranteed a place by default. Where they are more than the
// places, which small K and models that use few experts a token lead to, there is no such pass;
// one that was asked for is an error then.
Status SpecializeRun::add_whitelist(const std::string& digest) {
  if (!options_.own_whitelist) return {};
  for (auto& pass : recipe_.passes) {
    if (auto* whitelist = std::get_if<WhitelistPass>(&pass)) {
      whitelist->profiles.push_back(digest);
      return {};
    }
  }
  auto with = recipe_;
  with.passes.emplace_back(WhitelistPass{passes_.whitelist_rule, {digest}});
  const auto built = build_mask(texts_.set(), with);
  if (!built && build_mask(texts_.set(), recipe_)) {
    observer_.warning(fmt::format("no whitelist: {}", built.error().message));
    return {};
  }
  recipe_ = std::move(with);
  return {};
}

Status SpecializeRun::stage_recon(const gguf::GgufFile& parent, const MoeModel& model) {
  if (!options_.recon) return {};
  const auto start = Clock::now();
  auto options = options_.recon_options;
  options.run_settings = settings_;
  ReconStage stage;
  stage.file = beside("recon.gguf");
  if (options_.checkpoint_seconds > 0) options.state = partial_of(stage.file);
  stage.overwrite = options_.overwrite;
  stage.command_line = options_.command_line;
  stage.on_work = [this] {
    begin("recon");
    engine_.close();  // one model in memory at a time
  };
  COE_TRY(const bool reused, recon_stage(library_, options_.engine, parent, model, corpus_, options,
                                         stage, observer_));
  COE_TRY(table_, texts_.add_table(stage.file));
  finish("recon", stage.file, reused, start);
  return {};
}

// The chosen recipe; what the file of an earlier run says is taken where it is of the same masks
// and text.
Status SpecializeRun::stage_choice(const gguf::GgufFile& parent, const MoeModel& model) {
  if (!options_.choose_score) {
    recipe_.table = table_;
    return {};
  }
  const auto start = Clock::now();
  const Path file = beside("choice.json");
  const auto candidates = candidate_recipes(texts_.set(), recipe_, table_);
  std::string masks;
  for (const auto& candidate : candidates) {
    COE_TRY(const auto built, build_mask(texts_.set(), candidate));
    masks += built.mask.digest();
  }
  const auto settings = fmt::format("text={} max_tokens={} masks={} {}{}", validation_.digest,
                                    options_.eval.max_tokens, digest_of(masks),
                                    measured_child({}, options_.n_used), settings_);
  std::error_code ec;
  if (std::filesystem::exists(file, ec)) {
    const auto difference =
        take_document(file, settings, [&](const Json& found) { take_choice(found, candidates); });
    if (!difference) {
      finish("choice", file, true, start);
      return {};
    }
    if (!may_replace()) return tl::unexpected(of_another_run(file, *difference));
  }
  begin("choice");
  COE_TRY(auto* const engine, engine_.get());
  const Bench bench{*engine, parent, model, validation_, options_.eval, options_.n_used};
  COE_TRY(const auto choice, choose_score(texts_.set(), candidates, bench, observer_));
  Json document = {{"schema", "coe.specialize-choice/1"},
                   {"version", tool_version()},
                   {"settings", settings},
                   {"scores", Json::array()},
                   {"chosen", choice.chosen}};
  for (const auto& trial : choice.trials)
    document["scores"].push_back({{"score", trial.score}, {"kl_mean", trial.eval.kl_mean()}});
  COE_TRY_STATUS(write_file(file, sealed_json(document, 2), options_.overwrite));
  take_choice(document, candidates);
  finish("choice", file, false, start);
  return {};
}

void SpecializeRun::take_choice(const Json& document, const std::vector<MaskRecipe>& candidates) {
  const auto chosen = document.at("chosen").get<std::size_t>();
  recipe_ = candidates.at(chosen);
  report_.scores.clear();
  for (const auto& score : document.at("scores"))
    report_.scores.push_back(
        {score.at("score"), score.at("kl_mean"), report_.scores.size() == chosen});
}

Status SpecializeRun::stage_mask() {
  const auto start = Clock::now();
  const Path file = beside("mask.json");
  COE_TRY(report_.built, build_mask(texts_.set(), recipe_));
  mask_ = report_.built.mask;
  report_.aggregate = blend_name(recipe_.score.blend);
  mask_text_ = mask_to_json(mask_, false);
  std::error_code ec;
  if (std::filesystem::exists(file, ec)) {
    const auto found = read_text(file);
    if (found && *found == mask_text_) {
      finish("mask", file, true, start);
      return {};
    }
    if (!may_replace()) return tl::unexpected(of_another_run(file, "it is another mask"));
  }
  COE_TRY_STATUS(write_file(file, mask_text_, options_.overwrite));
  finish("mask", file, false, start);
  return {};
}

Corpus SpecializeRun::heal_text() const {
  Corpus text = corpus_;
  for (const auto& [file, more] : texts_.texts()) add_text(text, more);
  return text;
}

// What an earlier run says of its healing is taken while the child that it made is there.
Status SpecializeRun::stage_heal(const gguf::GgufFile& parent, const MoeModel& model) {
  if (!options_.heal) return {};
  const auto start = Clock::now();
  heal_text_ = heal_text();
  const Path file = beside("heal.json");
  const auto settings = heal_stage_settings();
  std::error_code ec;
  if (std::filesystem::exists(file, ec)) {
    const auto difference = take_document(
        file, settings, [&](const Json& found) { report_.healing = read_heal_summary(found); });
    if (difference && !may_replace()) return tl::unexpected(of_another_run(file, *difference));
    const auto child = gguf::GgufFile::open(options_.output);
    const auto records = child ? read_cut_records(child->header()) : std::nullopt;
    if (!difference && records && is_healed_so(*records, *report_.healing)) {
      finish("heal", file, true, start);
      return {};
    }
  }
  // Before the work that would lead to it.
  if (std::filesystem::exists(options_.output, ec) && !may_replace())
    return tl::unexpected(of_another_run(options_.output, "it is not healed so"));
  COE_TRY_STATUS(make_healing(parent, model));
  finish("heal", file, false, start);
  return {};
}

Status SpecializeRun::make_healing(const gguf::GgufFile& parent, const MoeModel& model) {
  begin("heal");
  COE_TRY(const auto split, split_for_healing(heal_text_));
  COE_TRY(auto* const engine, engine_.get());
  COE_TRY(healing_, heal(*engine, parent, model, mask_, split.rest, split.held_out, healing(),
                         *library_.dequantizer(), *library_.quantizer(), observer_));
  report_.healing = summary_of(*healing_, options_.heal->method, heal_text_.digest);
  if (!report_.healing->helps)
    observer_.warning(
        "healing would make up for less than 1 % of what the layers lost, so the "
        "specialist is only cut");
  return write_heal_file(beside("heal.json"), heal_stage_settings(), *report_.healing,
                         Overwrite::kAllow);
}

Status SpecializeRun::stage_prune(const gguf::GgufFile& parent, const MoeModel& model) {
  auto start = Clock::now();
  const Path& child = options_.output;
  const auto allowed = options_.heal ? Healed::kAllow : Healed::kRefuse;
  std::error_code ec;
  // The proof that a child already there is this one serves as the verify stage: it reads both
  // files whole.
  Result<VerifyReport> proof = fail(Code::kNotFound, "no child yet");
  if (!healing_ && std::filesystem::exists(child, ec)) {
    begin("verify");
    proof = verify_child(parent.path(), child, mask_, library_.dequantizer(), observer_, allowed);
    if (!(proof && proof->ok()) && !may_replace())
      return tl::unexpected(of_another_run(child, "it is not cut by this mask"));
    if (proof && proof->ok() && proof->n_used != options_.n_used) {
      const auto count = [&](std::uint32_t n) { return n > 0 ? n : model.n_expert_used; };
      if (!may_replace())
        return tl::unexpected(
            of_another_run(child, fmt::format("experts used a token: {}, not {}",
                                              count(proof->n_used), count(options_.n_used))));
      proof = fail(Code::kNotFound, "no child that uses so many yet");
    }
    const auto name = options_.name.empty() ? child_name(model, mask_) : options_.name;
    if (proof && proof->ok() && name_in(child) != name) {
      if (!may_replace()) return tl::unexpected(of_another_run(child, "it has another name"));
      proof = fail(Code::kNotFound, "no child of this name yet");
    }
  }
  const bool reused = proof && proof->ok();
  if (!reused) {
    // The file of an earlier run had its words, and the child its keys, but not its bytes.
    if (options_.heal && !healing_) COE_TRY_STATUS(make_healing(parent, model));
    begin("prune");
    SurgeryOptions surgery;
    if (healing_) add_healing(*healing_, heal_text_.digest, surgery);
    surgery.mask_name = beside("mask.json").string();
    surgery.name = options_.name;
    surgery.n_used = options_.n_used;
    COE_TRY(const auto plan, plan_surgery(parent, model, mask_, surgery));
    for (const auto& warning : plan.warnings) observer_.warning(warning);
    const ChildProof prove = [&](std::span<const Path> written) -> Status {
      finish("prune", child, false, start);
      start = Clock::now();
      begin("verify");
      proof = prove_child(parent.path(), written, child, mask_, library_.dequantizer(), observer_,
                          allowed);
      return proof ? Status() : Status(tl::unexpected(proof.error()));
    };
    COE_TRY_STATUS(apply_plan(parent, plan, child, options_.overwrite, observer_, prove));
    if (healing_) remove_heal_state(healing().state);
  } else {
    finish("prune", child, true, start);
    start = Clock::now();
  }
  report_.bytes_child = std::filesystem::file_size(child, ec);
  report_.name = name_in(child);
  report_.n_expert_checked = proof->n_expert_checked;
  finish("verify", {}, false, start);
  return {};
}

std::string SpecializeRun::heal_stage_settings() const {
  return heal_file_settings(mask_, heal_text_.digest, healing());
}

// For what is measured of the child.
std::string SpecializeRun::child_settings() const {
  return measured_child(is_healed() ? report_.healing->settings : std::string(), options_.n_used);
}

}  // namespace coe
