#include "coe/specialize/specialize.h"

#include "coe/base/json.h"
#include "coe/base/run_files.h"
#include "coe/base/sealed_json.h"
#include "coe/base/text.h"
#include "coe/child/heal/block.h"
#include "coe/child/heal/heal.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/names.h"
#include "coe/child/surgery/plan.h"
#include "coe/corpus/select.h"
#include "coe/engine/run_settings.h"
#include "coe/mask/recipe/random_mask.h"
#include "coe/mask/score/parts.h"
#include "coe/specialize/run.h"
#include "coe/specialize/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

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

}  // namespace

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

Status SpecializeRun::prepare_text() {
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
Status SpecializeRun::prepare(const MoeModel& model) {
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
  if (options_.heal) COE_TRY_STATUS(split_for_healing(heal_text()).map([](const auto&) {}));
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
Status SpecializeRun::check_aggregate() const {
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

Status SpecializeRun::check_room(const gguf::GgufFile& parent, const MoeModel& model) {
  std::error_code ec;
  if (std::filesystem::exists(options_.output, ec)) return {};
  COE_TRY(const auto any, random_mask(model, options_.n_keep, 1));
  COE_TRY(const auto plan, plan_surgery(parent, model, any, {}));
  return check_space(options_.output, plan.file_bytes);
}

// The stages in the order in which they finish.
Status SpecializeRun::plan_stages() {
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
void SpecializeRun::begin(std::string_view name) {
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

Result<SpecializeReport> SpecializeRun::run() {
  COE_TRY(const auto parent, gguf::GgufFile::open(options_.engine.model));
  COE_TRY(const auto model, describe_moe(parent));
  COE_TRY_STATUS(check_keep_count(options_.n_keep, model.n_expert, model.n_expert_used));
  if (options_.n_used > 0) COE_TRY_STATUS(check_experts_used(parent, model, options_.n_used));
  if (!options_.name.empty()) COE_TRY_STATUS(check_child_name(options_.name));
  if (const auto* values = library_.dequantizer(); options_.heal && values != nullptr)
    COE_TRY_STATUS(check_healable(parent, model, *values));
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
  report_.counts = {options_.n_keep, model.n_expert, options_.n_used, model.n_expert_used};
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

Result<SpecializeReport> specialize(const SpecializeOptions& options, const EngineLibrary& library,
                                    Observer& observer) {
  return SpecializeRun(options, library, observer).run();
}

}  // namespace coe
