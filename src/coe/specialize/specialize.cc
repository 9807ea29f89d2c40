#include "coe/specialize/specialize.h"

#include "coe/ask/answer/engine_answerer.h"
#include "coe/ask/generate/generate.h"
#include "coe/ask/generate/model_hooks.h"
#include "coe/base/hash.h"
#include "coe/base/inputs.h"
#include "coe/base/json.h"
#include "coe/base/run_files.h"
#include "coe/base/sealed_json.h"
#include "coe/base/text.h"
#include "coe/child/heal/heal.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/names.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/corpus/intake/take_text.h"
#include "coe/corpus/select.h"
#include "coe/engine/run_settings.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/masked/virtual_surgery.h"
#include "coe/mask/recipe/random_mask.h"
#include "coe/mask/score/parts.h"
#include "coe/mask/score/table.h"
#include "coe/measure/chat_check/chat_check_json.h"
#include "coe/measure/eval/parent_cache.h"
#include "coe/measure/eval/reference.h"
#include "coe/measure/tune/choose.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"
#include "coe/profile/chat.h"
#include "coe/profile/routing/file.h"
#include "coe/profile/stage.h"
#include "coe/specialize/eval_json.h"
#include "coe/specialize/pass_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>

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

// Hands what an earlier run left in a file to `take`, if it was made with the same settings.
// Returns in what it differs; nullopt where it was taken.
std::optional<std::string> take_document(const Path& file, const std::string& settings,
                                         const std::function<void(const Json&)>& take) {
  const auto text = read_text(file);
  if (!text) return text.error().message;
  try {
    const Json found = open_sealed_json(*text);
    if (auto difference = settings_difference(found.at("settings").get<std::string>(), settings))
      return difference;
    take(found);
    return std::nullopt;
  } catch (const Json::exception&) {
    return "it has another form, or was damaged";
  } catch (const std::out_of_range&) {
    return "it has another form";
  }
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
  ProfileOptions profiling() const {
    auto options = options_.profiling;
    options.run_settings = settings_;
    return options;
  }
  ProfileStage stage_of(std::string_view suffix) const {
    return {.file = beside(suffix),
            .seconds = options_.checkpoint_seconds,
            .resume = true,
            .overwrite = options_.overwrite,
            .command_line = options_.command_line};
  }
  Status plan_stages();
  // The next stage of that name in the plan.
  std::vector<PlannedStage>::iterator planned(std::string_view name) {
    return std::find_if(next_, planned_.end(),
                        [&](const PlannedStage& stage) { return stage.name == name; });
  }
  void begin(std::string_view name);
  void finish(std::string name, Path file, bool reused, Clock::time_point start) {
    if (const auto stage = planned(name); stage != planned_.end()) {
      stage->state = reused ? PlannedStage::State::kReused : PlannedStage::State::kDone;
      next_ = stage + 1;
    }
    report_.stages.push_back({std::move(name), std::move(file), reused,
                              std::chrono::duration<double>(Clock::now() - start).count()});
  }

  // Chats are rendered by the parent's template.
  TakeOptions taking(const TextSpec& spec, std::string label) {
    return {.spec = spec,
            .model = [this] { return open_hooks(options_.engine.model, library_, observer_); },
            .note = options_.note,
            .label = std::move(label),
            .on_file = [](const Path& taken) { protect_input(taken, "text of passes"); }};
  }
  Status prepare(const MoeModel& model);
  Status prepare_text();
  Status check_room(const gguf::GgufFile& parent, const MoeModel& model);
  Status check_aggregate() const;
  Status stage_profile(const MoeModel& model);
  Status stage_cot(const MoeModel& model);
  Status stage_passes(const MoeModel& model);
  Status add_whitelist(const std::string& digest);
  Status stage_recon(const gguf::GgufFile& parent, const MoeModel& model);
  Status stage_choice(const gguf::GgufFile& parent, const MoeModel& model);
  void take_choice(const Json& document, const std::vector<MaskRecipe>& candidates);
  Status stage_mask();
  Status stage_heal(const gguf::GgufFile& parent, const MoeModel& model);
  Status make_healing(const gguf::GgufFile& parent, const MoeModel& model);
  HealOptions healing() const {
    auto options = *options_.heal;
    options.run_settings = settings_;
    options.state = beside("heal");
    return options;
  }
  Status stage_prune(const gguf::GgufFile& parent, const MoeModel& model);
  Status stage_eval(const gguf::GgufFile& parent, const MoeModel& model);
  Result<Json> measure(const gguf::GgufFile& parent, const MoeModel& model);
  ParentCacheOptions parent_logits(const MoeModel& model) const;
  Result<std::unique_ptr<ReferenceSource>> reference_of(const EvalSubject& parent,
                                                        const MoeModel& model, bool healed) const;
  Result<Json> measure_healed(Engine& child, const MoeModel& model) const;
  Result<std::optional<SliceReference>> record_layers(Engine& engine,
                                                      const ExpertFilter& filter) const;
  Status measure_chats(Engine& engine, Json& measured) const;
  void fill_domains(const Json& measured);
  Status stage_chat(const MoeModel& model);
  Corpus own_evaluation() const;
  void finish_chat(bool reused, Clock::time_point start);
  // All that decides the evaluation; see run_settings().
  std::string eval_settings(const MoeModel& model) const;
  std::string child_settings() const;
  std::string heal_stage_settings() const;

  const SpecializeOptions& options_;
  const EngineLibrary& library_;
  const std::string settings_;  // of the run
  LazyEngine engine_;           // the parent's
  Observer& observer_;
  PassOptions passes_;
  Corpus corpus_;
  Corpus validation_;  // with choose_score
  Corpus evaluation_;
  RoutingStats stats_;
  PassTexts texts_;
  MaskRecipe recipe_;
  std::string table_;  // digest of recon's
  KeepMask mask_;
  std::string mask_text_;
  std::optional<Healing> healing_;  // of this run
  SpecializeReport report_;
  std::vector<PlannedStage> planned_;
  std::vector<PlannedStage>::iterator next_ = planned_.end();  // not finished
  bool plan_is_told_ = false;
};

// "held out: 41 whole files (193 pieces)".
std::string held_out_note(const Split& split) {
  std::uint64_t n_piece = 0;
  for (const auto& domain : split.held_out.domains)
    n_piece += static_cast<std::uint64_t>(std::ranges::count_if(
        domain.records, [](const Record& record) { return !record.piece_of.empty(); }));
  const std::uint64_t n_record = split.held_out.n_record();
  const std::string_view what = n_piece == n_record ? "file" : n_piece > 0 ? "text" : "record";
  const std::string whole = split.n_text == 0 ? std::string("the end of a text")
                                              : fmt::format("{} whole {}{}", grouped(split.n_text),
                                                            what, split.n_text == 1 ? "" : "s");
  return n_piece == 0 ? fmt::format("held out: {}", whole)
                      : fmt::format("held out: {} ({} piece{})", whole, grouped(n_record),
                                    n_record == 1 ? "" : "s");
}

Status Pipeline::prepare_text() {
  if (options_.evaluation.domains.empty()) {
    if (options_.corpus.domains.empty())
      return fail(Code::kInvalidArgument, "there is no text to evaluate with",
                  "give the text of the profile with -f, or held-out text with --eval");
    COE_TRY(auto split, split_off(options_.corpus, 10, 9));
    report_.held_out = {false, split.n_text, split.held_out.n_record()};
    if (options_.note) options_.note(held_out_note(split));
    for (const auto& name : split.single)
      observer_.warning(
          fmt::format("{}: is a single text, whose last tenth is held out: what is measured on a "
                      "part of the same text flatters; give more texts, or --eval",
                      name));
    for (const auto& [name, n_text] : split.few)
      observer_.warning(
          fmt::format("{}: has {} texts, of which the last is held out; what is "
                      "measured on one text says little: give {}, or --eval",
                      name, n_text, 10 * kMinVerdictRecords));
    corpus_ = std::move(split.rest);
    evaluation_ = std::move(split.held_out);
  } else {
    COE_TRY_STATUS(check_disjoint(options_.corpus, options_.evaluation));
    corpus_ = options_.corpus;
    evaluation_ = options_.evaluation;
    report_.held_out = {true, 0, evaluation_.n_record()};
  }
  if (options_.heal && corpus_.domains.empty())
    return fail(Code::kInvalidArgument, "--heal: there is no text to heal on",
                "give the text of the profile with -f");
  if (options_.choose_score) {
    if (corpus_.domains.empty())
      return fail(Code::kInvalidArgument, "--score auto: there is no text to choose by",
                  "give the text of the profile with -f");
    COE_TRY(auto split, split_off(corpus_, 10, 9));
    corpus_ = std::move(split.rest);
    validation_ = std::move(split.held_out);
  }
  return {};
}

// What would end the run after long work ends it here.
Status Pipeline::prepare(const MoeModel& model) {
  passes_ = options_.passes;
  if (!options_.cot_questions.domains.empty()) {
    if (!passes_.cot.empty())
      return fail(Code::kInvalidArgument, "CoT text is given, and to be generated, too",
                  "leave out one of --cot and --cot-generate");
    passes_.cot = beside("cot") / run_files::kThinking;
  }
  std::vector<Path> files = passes_.whitelist;
  files.insert(files.end(), passes_.closure.begin(), passes_.closure.end());
  for (const auto& item : passes_.protect) files.push_back(item.file);
  if (!passes_.cot.empty() && options_.cot_questions.domains.empty()) files.push_back(passes_.cot);
  if (!passes_.cot_t06.empty()) files.push_back(passes_.cot_t06);
  for (const auto& file : files)
    COE_TRY_STATUS(texts_.add(
        file, taking(options_.text_spec, fmt::format("text of passes, {}", file.string())),
        model.id, evaluation_, observer_));
  if (!options_.other_temperature) return check_aggregate();
  if (passes_.cot.empty())
    return fail(Code::kInvalidArgument, "--t06: there is no CoT text to filter by",
                "give it with --cot, or let the parent write it with --cot-generate");
  if (options_.cot_questions.domains.empty() && !texts_.is_text(passes_.cot))
    return fail(Code::kInvalidArgument,
                fmt::format("--t06: {} is a profile, which has one router temperature",
                            passes_.cot.string()),
                "give the text, or its profile at the other temperature with --cot-t06");
  passes_.cot_t06 = passes_.cot;
  return check_aggregate();
}

// Names of sub-domains, and whether the score goes with the aggregate, on a profile of nothing.
Status Pipeline::check_aggregate() const {
  if (corpus_.domains.empty()) return {};
  RoutingStats stats;
  for (const auto& domain : corpus_.domains)
    stats.domains.push_back(DomainStats::zero(domain.name, domain.weight, stats.shape, false));
  ScoreOptions score;
  score.blend = options_.aggregate.blend.value_or(Blend::kSubdomain);
  score.weights = options_.aggregate.weights;
  COE_TRY_STATUS(parts_of(stats, score).map([](const auto&) {}));
  return check_score_of(options_.score, score.blend);
}

Status Pipeline::check_room(const gguf::GgufFile& parent, const MoeModel& model) {
  std::error_code ec;
  if (std::filesystem::exists(options_.output, ec)) return {};
  COE_TRY(const auto any, random_mask(model, options_.n_keep, 1));
  COE_TRY(const auto plan, plan_surgery(parent, model, any, {}));
  return check_space(options_.output, plan.file_bytes);
}

// The stages in the order in which they finish.
Status Pipeline::plan_stages() {
  const auto add = [this](std::string_view name, Path file) {
    planned_.push_back({std::string(name), std::move(file)});
  };
  add("profile", options_.profile.empty() ? beside("profile.gguf") : options_.profile);
  const bool asks = !options_.cot_questions.domains.empty();
  if (asks) add("cot", beside("cot"));
  std::set<std::pair<Path, bool>> texts;
  MaskRecipe none;
  COE_TRY_STATUS(read_passes(
      passes_,
      [&](const Path& file, const ProfileUse& use) -> Result<std::string> {
        const bool is_text = texts_.is_text(file) || (asks && file == passes_.cot);
        if (is_text && texts.emplace(file, use.other_temperature).second)
          add(use.name, beside(fmt::format("{}.profile.gguf", use.name)));
        return std::string();
      },
      none));
  if (options_.recon) add("recon", beside("recon.gguf"));
  if (options_.choose_score) add("choice", beside("choice.json"));
  add("mask", beside("mask.json"));
  if (options_.heal) add("heal", beside("heal.json"));
  add("prune", options_.output);
  add("verify", {});
  add("eval", beside("eval.json"));
  if (options_.chat_check) add("chat", beside("chat.json"));
  next_ = planned_.begin();
  return {};
}

// `name` has work to do. What was finished before took no time.
void Pipeline::begin(std::string_view name) {
  const auto stage = planned(name);
  if (stage == planned_.end()) return;
  if (!std::exchange(plan_is_told_, true) && options_.stages.plan) {
    std::error_code ec;
    for (auto left = next_; left != planned_.end(); ++left) {
      if (left->file.empty()) continue;
      const bool is_there = std::filesystem::exists(left->file, ec);
      // Answers are kept in their folder.
      const bool is_partly = std::filesystem::exists(partial_of(left->file), ec) ||
                             (is_there && std::filesystem::is_directory(left->file, ec));
      if (is_there && left != stage)
        left->state = PlannedStage::State::kThere;
      else if (is_partly)
        left->state = PlannedStage::State::kGoesOn;
    }
    options_.stages.plan(planned_);
  }
  if (options_.stages.begin)
    options_.stages.begin(*stage, static_cast<std::size_t>(stage - planned_.begin()));
}

Status Pipeline::stage_profile(const MoeModel& model) {
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
Status Pipeline::stage_cot(const MoeModel& model) {
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

Status Pipeline::stage_passes(const MoeModel& model) {
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
Status Pipeline::add_whitelist(const std::string& digest) {
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

Status Pipeline::stage_recon(const gguf::GgufFile& parent, const MoeModel& model) {
  if (!options_.recon) return {};
  const auto start = Clock::now();
  const Path file = beside("recon.gguf");
  auto options = options_.recon_options;
  options.run_settings = settings_;
  if (options_.checkpoint_seconds > 0) options.state = partial_of(file);
  auto engine_options = options_.engine;
  engine_options.n_batch = kReconBatch;
  COE_TRY(engine_options.n_candidate, candidate_depth(model, 0));
  std::error_code ec;
  bool reused = false;
  if (std::filesystem::exists(file, ec)) {
    const auto found = read_score_table(file);
    reused = found && found->parent.digest == model.id.digest &&
             found->corpus_digest == corpus_.digest &&
             found->settings == recon_settings(options, engine_options.n_candidate);
    if (!reused && !may_replace())
      return tl::unexpected(
          stale(file, found ? "it is of another text or other settings" : found.error().message));
  }
  if (!reused) {
    begin("recon");
    engine_.close();  // one model in memory at a time
    COE_TRY(const auto engine, library_.open(engine_options));
    COE_TRY(auto table, run_recon(*engine, parent, model, corpus_, options, observer_));
    table.command_line = options_.command_line;
    COE_TRY_STATUS(write_recon_table(file, table, options_.overwrite));
  }
  COE_TRY(table_, texts_.add_table(file));
  finish("recon", file, reused, start);
  return {};
}

// The chosen recipe; what the file of an earlier run says is taken where it is of the same masks
// and text.
Status Pipeline::stage_choice(const gguf::GgufFile& parent, const MoeModel& model) {
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
  const auto settings = fmt::format("text={} max_tokens={} masks={} {}", validation_.digest,
                                    options_.eval.max_tokens, digest_of(masks), settings_);
  std::error_code ec;
  if (std::filesystem::exists(file, ec)) {
    const auto difference =
        take_document(file, settings, [&](const Json& found) { take_choice(found, candidates); });
    if (!difference) {
      finish("choice", file, true, start);
      return {};
    }
    if (!may_replace()) return tl::unexpected(stale(file, *difference));
  }
  begin("choice");
  COE_TRY(auto* const engine, engine_.get());
  const Bench bench{*engine, parent, model, validation_, options_.eval};
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

void Pipeline::take_choice(const Json& document, const std::vector<MaskRecipe>& candidates) {
  const auto chosen = document.at("chosen").get<std::size_t>();
  recipe_ = candidates.at(chosen);
  report_.scores.clear();
  for (const auto& score : document.at("scores"))
    report_.scores.push_back(
        {score.at("score"), score.at("kl_mean"), report_.scores.size() == chosen});
}

Status Pipeline::stage_mask() {
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
    if (!may_replace()) return tl::unexpected(stale(file, "it is another mask"));
  }
  COE_TRY_STATUS(write_file(file, mask_text_, options_.overwrite));
  finish("mask", file, false, start);
  return {};
}

// What the file calls itself; empty where it does not say.
std::string name_in(const Path& file) {
  const auto model = gguf::GgufFile::open(file);
  const auto* key = model ? model->header().find_key("general.name") : nullptr;
  const auto name = key == nullptr ? std::nullopt : key->as_string();
  return std::string(name.value_or(""));
}

// What an earlier run says of its healing is taken while the child that it made is there.
Status Pipeline::stage_heal(const gguf::GgufFile& parent, const MoeModel& model) {
  if (!options_.heal) return {};
  const auto start = Clock::now();
  const Path file = beside("heal.json");
  const auto settings = heal_stage_settings();
  std::error_code ec;
  if (std::filesystem::exists(file, ec)) {
    const auto difference = take_document(
        file, settings, [&](const Json& found) { report_.healing = read_heal_summary(found); });
    if (difference && !may_replace()) return tl::unexpected(stale(file, *difference));
    const auto child = gguf::GgufFile::open(options_.output);
    if (!difference && child && is_healed_so(child->header(), *report_.healing)) {
      finish("heal", file, true, start);
      return {};
    }
  }
  COE_TRY_STATUS(make_healing(parent, model));
  finish("heal", file, false, start);
  return {};
}

Status Pipeline::make_healing(const gguf::GgufFile& parent, const MoeModel& model) {
  begin("heal");
  COE_TRY(const auto split, split_for_healing(corpus_));
  COE_TRY(auto* const engine, engine_.get());
  COE_TRY(healing_, heal(*engine, parent, model, mask_, split.rest, split.held_out, healing(),
                         *library_.dequantizer(), *library_.quantizer(), observer_));
  report_.healing = summary_of(*healing_, options_.heal->method, corpus_.digest);
  if (!report_.healing->helps)
    observer_.warning(
        "healing would make up for less than 1 % of what the layers lost, so the "
        "specialist is only cut");
  Json document = {{"schema", "coe.specialize-heal/1"},
                   {"version", tool_version()},
                   {"settings", heal_stage_settings()}};
  document.update(heal_summary_json(*report_.healing));
  return write_file(beside("heal.json"), sealed_json(document, 2), Overwrite::kAllow);
}

Status Pipeline::stage_prune(const gguf::GgufFile& parent, const MoeModel& model) {
  auto start = Clock::now();
  const Path& child = options_.output;
  const auto allowed = options_.heal ? Healed::kAllow : Healed::kRefuse;
  std::error_code ec;
  // The proof that a child already there is this one serves as the verify stage: it reads both
  // files whole.
  Result<VerifyReport> proof = fail(Code::kNotFound, "no child yet");
  if (std::filesystem::exists(child, ec)) {
    begin("verify");
    proof = verify_child(parent.path(), child, mask_, library_.dequantizer(), observer_, allowed);
    if (!(proof && proof->ok()) && !may_replace())
      return tl::unexpected(stale(child, "it is not cut by this mask"));
    const auto name = options_.name.empty() ? child_name(model, mask_) : options_.name;
    if (proof && proof->ok() && name_in(child) != name) {
      if (!may_replace()) return tl::unexpected(stale(child, "it has another name"));
      proof = fail(Code::kNotFound, "no child of this name yet");
    }
    if (healing_) {
      if (!may_replace()) return tl::unexpected(stale(child, "it is not healed so"));
      proof = fail(Code::kNotFound, "no child that is healed so yet");
    }
  }
  const bool reused = proof && proof->ok();
  if (!reused) {
    // The file of an earlier run had its words, and the child its keys, but not its bytes.
    if (options_.heal && !healing_) COE_TRY_STATUS(make_healing(parent, model));
    begin("prune");
    SurgeryOptions surgery;
    if (healing_) add_healing(*healing_, corpus_.digest, surgery);
    surgery.mask_name = beside("mask.json").string();
    surgery.name = options_.name;
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

std::string Pipeline::heal_stage_settings() const {
  return fmt::format("text={} mask={} {}", corpus_.digest, digest_of(mask_text_),
                     heal_settings(healing()));
}

// What tells the child from one that is only cut, for what is measured of it.
std::string Pipeline::child_settings() const {
  if (!report_.healing || !report_.healing->helps) return {};
  return fmt::format("healing={} ", digest_of(report_.healing->settings));
}

std::string Pipeline::eval_settings(const MoeModel& model) const {
  return fmt::format("model={} mask={} text={} max_tokens={} n_random={} {}{}", model.id.digest,
                     digest_of(mask_text_), evaluation_.digest, options_.eval.max_tokens,
                     options_.n_random, child_settings(), settings_);
}

Status Pipeline::measure_chats(Engine& engine, Json& measured) const {
  ChatText chats;
  for (const auto* text : {&corpus_, &evaluation_}) {
    COE_TRY(const auto count, count_chats(engine, *text));
    if (!count) return {};
    chats.n_record += count->n_record;
    chats.n_chat += count->n_chat;
  }
  measured["chats"] = {{"n_record", chats.n_record}, {"n_chat", chats.n_chat}};
  return {};
}

Json rows_json(const EvalReport& report) {
  Json rows = Json::array();
  for (const auto& domain : report.domains) rows.push_back(domain_eval_json(domain));
  return rows;
}

// A healed child runs from its file, when the parent is out of memory, and is held to what that
// left in a file of its own. All subjects are then, so that they can be compared.
ParentCacheOptions Pipeline::parent_logits(const MoeModel& model) const {
  ParentCacheOptions options;
  options.file = beside("parent.logits");
  options.model_digest = model.id.digest;
  options.settings = settings_;
  return options;
}

Result<std::unique_ptr<ReferenceSource>> Pipeline::reference_of(const EvalSubject& parent,
                                                                const MoeModel& model,
                                                                bool healed) const {
  if (!healed) return std::make_unique<RunningReference>(parent);
  const auto options = parent_logits(model);
  std::error_code ec;
  std::filesystem::remove(options.file, ec);  // of a run that was stopped
  COE_TRY(auto cache, ParentCache::open(options, &parent));
  return cache;
}

Result<Json> Pipeline::measure_healed(Engine& child, const MoeModel& model) const {
  const auto options = parent_logits(model);
  COE_TRY(const auto reference, ParentCache::open(options, nullptr));
  const EvalSubject subject{&child, nullptr, options_.output.string()};
  COE_TRY(const auto reports,
          evaluate_against({&subject, 1}, reference.get(), evaluation_, options_.eval, observer_));
  std::error_code ec;
  std::filesystem::remove(options.file, ec);
  return rows_json(reports.front());
}

// None where the engine cannot say what layers give.
Result<std::optional<SliceReference>> Pipeline::record_layers(Engine& engine,
                                                              const ExpertFilter& filter) const {
  auto recorded = SliceReference::record(engine, filter, evaluation_, observer_);
  if (recorded) return std::optional(*std::move(recorded));
  if (recorded.error().code != Code::kUnsupported)
    return tl::unexpected(std::move(recorded).error());
  observer_.warning(fmt::format("{}: the file's layers were not held to the parent's: {}",
                                options_.output.string(), recorded.error().message));
  return std::optional<SliceReference>();
}

Result<Json> Pipeline::measure(const gguf::GgufFile& file, const MoeModel& model) {
  Json measured;
  const bool healed = report_.healing && report_.healing->helps;
  COE_TRY(const auto filter, virtual_surgery(mask_, file, model));
  std::optional<SliceReference> masked;
  {
    COE_TRY(auto* engine, engine_.get());
    const EvalSubject parent{engine, nullptr, "the parent"};
    COE_TRY(const auto reference, reference_of(parent, model, healed));
    std::vector<ExpertFilter> filters = {filter};
    for (std::uint32_t seed = 1; seed <= options_.n_random; ++seed) {
      COE_TRY(const auto random, random_mask(model, options_.n_keep, seed));
      COE_TRY(filters.emplace_back(), virtual_surgery(random, file, model));
    }
    std::vector<EvalSubject> subjects;
    subjects.reserve(filters.size());
    for (const auto& kept : filters) subjects.push_back({engine, &kept, "the masked parent"});
    COE_TRY(const auto reports,
            evaluate_against(subjects, reference.get(), evaluation_, options_.eval, observer_));
    measured["engine"] = reports.front().engine;
    measured["random"] = Json::array();
    for (std::size_t i = 0; i < reports.size(); ++i) {
      if (i == 0)
        measured[healed ? "cut" : "specialist"] = rows_json(reports[i]);
      else
        measured["random"].push_back({{"seed", i}, {"domains", rows_json(reports[i])}});
    }
    COE_TRY_STATUS(measure_chats(*engine, measured));
    if (engine->info().on_gpu) {
      COE_TRY(const auto noise, noise_floor(*engine, evaluation_, observer_));
      measured["noise"] = {{"n_token", noise.n_token},
                           {"kl_mean", noise.kl_mean},
                           {"top1_agreement", noise.top1_agreement}};
    }
    // The layers of a healed child are meant to compute something else.
    if (!healed) {
      COE_TRY(masked, record_layers(*engine, filter));
    }
    engine_.close();  // one model in memory at a time
  }
  if (!masked && !healed) return measured;
  EngineOptions child_options = options_.engine;
  child_options.model = options_.output;
  COE_TRY(const auto child, library_.open(child_options));
  if (healed) {
    COE_TRY(measured["specialist"], measure_healed(*child, model));
    return measured;
  }
  COE_TRY(const auto check, masked->check(*child, SliceLimits(), observer_));
  if (!check.ok())
    return fail(Code::kCheckFailed,
                fmt::format("{}: does not compute what its parent does under the mask: {}",
                            options_.output.string(), check.finding),
                "please report this model: its architecture routes in a way coe does not know");
  measured["slice_check"] = slice_check_json(check);
  return measured;
}

void Pipeline::fill_domains(const Json& measured) {
  if (measured.contains("slice_check"))
    report_.slice_check = read_slice_check(measured.at("slice_check"));
  if (measured.contains("noise")) {
    const auto& noise = measured.at("noise");
    report_.noise =
        NoiseFloor{noise.at("n_token"), noise.at("kl_mean"), noise.at("top1_agreement")};
  }
  if (measured.contains("chats"))
    report_.chats =
        ChatText{measured.at("chats").at("n_record"), measured.at("chats").at("n_chat")};
  report_.domains = read_domain_results(
      measured, [&](std::string_view name) { return stats_.find_domain(name) != nullptr; });
}

Status Pipeline::stage_eval(const gguf::GgufFile& parent, const MoeModel& model) {
  const auto start = Clock::now();
  const Path file = beside("eval.json");
  const std::string settings = eval_settings(model);
  std::error_code ec;
  if (std::filesystem::exists(file, ec)) {
    const auto difference =
        take_document(file, settings, [this](const Json& found) { fill_domains(found); });
    if (!difference) {
      finish("eval", file, true, start);
      return {};
    }
    if (!may_replace()) return tl::unexpected(stale(file, *difference));
  }
  begin("eval");
  COE_TRY(auto measured, measure(parent, model));
  Json document = {{"schema", "coe.specialize-eval/2"},
                   {"version", tool_version()},
                   {"command_line", options_.command_line},
                   {"settings", settings},
                   {"parent", model.id.digest},
                   {"corpus", evaluation_.digest}};
  document.update(measured);
  COE_TRY_STATUS(write_file(file, sealed_json(document, 2), options_.overwrite));
  fill_domains(document);
  finish("eval", file, false, start);
  return {};
}

// Held-out text of the specialist's own sub-domains; where there is none, all of it.
Corpus Pipeline::own_evaluation() const {
  Corpus own;
  for (const auto& domain : evaluation_.domains)
    if (stats_.find_domain(domain.name) != nullptr) own.domains.push_back(domain);
  return own.domains.empty() ? evaluation_ : own;
}

void Pipeline::finish_chat(bool reused, Clock::time_point start) {
  if (const auto words = chat_warning(*report_.chat_check); !words.empty())
    observer_.warning(fmt::format("{}: {}", options_.output.string(), words));
  finish("chat", beside("chat.json"), reused, start);
}

Status Pipeline::stage_chat(const MoeModel& model) {
  if (!options_.chat_check) return {};
  const auto start = Clock::now();
  const Path file = beside("chat.json");
  const auto settings =
      fmt::format("model={} mask={} text={} questions={} max_tokens={} {}{}", model.id.digest,
                  digest_of(mask_text_), corpus_digest(own_evaluation()), kChatCheckQuestions,
                  options_.chat_check_options.max_new_tokens, child_settings(), settings_);
  std::error_code ec;
  if (std::filesystem::exists(file, ec)) {
    const auto difference = take_document(file, settings, [this](const Json& found) {
      report_.chat_check = read_chat_checks(found);
    });
    if (!difference) {
      finish_chat(true, start);
      return {};
    }
    if (!may_replace()) return tl::unexpected(stale(file, *difference));
  }
  begin("chat");
  auto child = options_.engine;
  child.model = options_.output;
  COE_TRY(report_.chat_check, ask_chats(library_, engine_, child, own_evaluation(),
                                        options_.chat_check_options, observer_));
  Json document = {
      {"schema", kChatCheckSchema}, {"version", tool_version()},
      {"settings", settings},       {"model", model.id.digest},
      {"mask", mask_.digest()},     {"max_new_tokens", options_.chat_check_options.max_new_tokens}};
  document.update(chat_checks_json(*report_.chat_check));
  COE_TRY_STATUS(write_file(file, sealed_json(document, 2), options_.overwrite));
  finish_chat(false, start);
  return {};
}

Result<SpecializeReport> Pipeline::run() {
  COE_TRY(const auto parent, gguf::GgufFile::open(options_.engine.model));
  COE_TRY(const auto model, describe_moe(parent));
  COE_TRY_STATUS(check_keep_count(options_.n_keep, model.n_expert, model.n_expert_used));
  if (!options_.name.empty()) COE_TRY_STATUS(check_child_name(options_.name));
  // Whatever stands at the output that no earlier run of ours explains is refused before the long
  // work.
  std::error_code ec;
  if (std::filesystem::exists(options_.output, ec) &&
      !std::filesystem::exists(beside("mask.json"), ec))
    COE_TRY_STATUS(check_output(options_.output, options_.overwrite));
  COE_TRY_STATUS(check_output(options_.output, Overwrite::kAllow));  // a folder to write into
  // By the stem, which all stages' files share.
  COE_TRY(const auto lock, RunLock::take(options_.output.parent_path() / options_.output.stem()));
  COE_TRY_STATUS(prepare_text());
  COE_TRY_STATUS(prepare(model));
  COE_TRY_STATUS(check_room(parent, model));
  COE_TRY_STATUS(plan_stages());
  for (const auto& warning : model.warnings) observer_.warning(warning);
  report_.n_keep = options_.n_keep;
  report_.n_expert = model.n_expert;
  report_.bytes_parent = parent.header().file_bytes;
  COE_TRY_STATUS(stage_profile(model));
  COE_TRY_STATUS(stage_cot(model));
  COE_TRY_STATUS(stage_passes(model));
  COE_TRY_STATUS(stage_recon(parent, model));
  COE_TRY_STATUS(stage_choice(parent, model));
  COE_TRY_STATUS(stage_mask());
  COE_TRY_STATUS(stage_heal(parent, model));
  COE_TRY_STATUS(stage_prune(parent, model));
  COE_TRY_STATUS(stage_eval(parent, model));
  COE_TRY_STATUS(stage_chat(model));
  report_.taken = texts_.taken();
  return std::move(report_);
}

}  // namespace

Result<SpecializeReport> specialize(const SpecializeOptions& options, const EngineLibrary& library,
                                    Observer& observer) {
  return Pipeline(options, library, observer).run();
}

}  // namespace coe
