// One run of specialize(): what its stages know of each other. Each stage ends with its file, and
// begins by looking whether that is there already.
#pragma once

#include "coe/ask/generate/model_hooks.h"
#include "coe/base/inputs.h"
#include "coe/child/heal/heal.h"
#include "coe/corpus/intake/take_text.h"
#include "coe/engine/run_settings.h"
#include "coe/mask/keep_mask.h"
#include "coe/measure/eval/parent_cache.h"
#include "coe/measure/eval/reference.h"
#include "coe/measure/eval/slice_check.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"
#include "coe/profile/stage.h"
#include "coe/specialize/pass_texts.h"
#include "coe/specialize/specialize.h"

#include <fmt/format.h>
#include <nlohmann/json_fwd.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

// Hands what an earlier run left in a file to `take`, if it was made with the same settings.
// Returns in what it differs; nullopt where it was taken.
std::optional<std::string> take_document(
    const Path& file, const std::string& settings,
    const std::function<void(const nlohmann::ordered_json&)>& take);

// Text, plan and order of the stages are in specialize.cc, what makes the child in run_make.cc, and
// what measures it in run_measure.cc.
class SpecializeRun {
 public:
  SpecializeRun(const SpecializeOptions& options, const EngineLibrary& library, Observer& observer)
      : options_(options),
        library_(library),
        settings_(run_settings(library, options.engine)),
        engine_(library, options.engine),
        observer_(observer) {}

  Result<SpecializeReport> run();

 private:
  using Clock = std::chrono::steady_clock;
  using Json = nlohmann::ordered_json;

  Path beside(std::string_view suffix) const {
    return options_.output.parent_path() /
           fmt::format("{}.{}", options_.output.stem().string(), suffix);
  }
  bool may_replace() const { return options_.overwrite == Overwrite::kAllow; }
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
  // What healing fits on: the text of the profile, and that of passes. Without the latter it would
  // take from there what it makes up for at home: bench/results/2026-12-01-thinking-heal.
  Corpus heal_text() const;
  HealOptions healing() const {
    auto options = *options_.heal;
    options.n_used = options_.n_used;
    options.run_settings = settings_;
    options.state = beside("heal");
    return options;
  }
  bool is_healed() const { return report_.healing && report_.healing->helps; }
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
  Corpus heal_text_;
  std::optional<Healing> healing_;  // of this run
  SpecializeReport report_;
  std::vector<PlannedStage> planned_;
  std::vector<PlannedStage>::iterator next_ = planned_.end();  // not finished
  bool plan_is_told_ = false;
};

}  // namespace coe
