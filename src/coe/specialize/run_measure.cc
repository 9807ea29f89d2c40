#include "coe/base/hash.h"
#include "coe/base/json.h"
#include "coe/base/sealed_json.h"
#include "coe/base/text.h"
#include "coe/mask/masked/virtual_surgery.h"
#include "coe/mask/recipe/random_mask.h"
#include "coe/measure/chat_check/chat_check_json.h"
#include "coe/profile/chat.h"
#include "coe/specialize/eval_json.h"
#include "coe/specialize/run.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

Json rows_json(const EvalReport& report) {
  Json rows = Json::array();
  for (const auto& domain : report.domains) rows.push_back(domain_eval_json(domain));
  return rows;
}

}  // namespace

std::string SpecializeRun::eval_settings(const MoeModel& model) const {
  return fmt::format("model={} mask={} text={} max_tokens={} n_random={} {}{}", model.id.digest,
                     digest_of(mask_text_), evaluation_.digest, options_.eval.max_tokens,
                     options_.n_random, child_settings(), settings_);
}

Status SpecializeRun::measure_chats(Engine& engine, Json& measured) const {
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

// A healed child runs from its file, when the parent is out of memory, and is held to what that
// left in a file of its own. All subjects are then, so that they can be compared.
ParentCacheOptions SpecializeRun::parent_logits(const MoeModel& model) const {
  ParentCacheOptions options;
  options.file = beside("parent.logits");
  options.model_digest = model.id.digest;
  options.settings = settings_;
  return options;
}

Result<std::unique_ptr<ReferenceSource>> SpecializeRun::reference_of(const EvalSubject& parent,
                                                                     const MoeModel& model,
                                                                     bool healed) const {
  if (!healed) return std::make_unique<RunningReference>(parent);
  const auto options = parent_logits(model);
  std::error_code ec;
  std::filesystem::remove(options.file, ec);  // of a run that was stopped
  COE_TRY(auto cache, ParentCache::open(options, &parent));
  return cache;
}

Result<Json> SpecializeRun::measure_healed(Engine& child, const MoeModel& model) const {
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
Result<std::optional<SliceReference>> SpecializeRun::record_layers(
    Engine& engine, const ExpertFilter& filter) const {
  auto recorded = SliceReference::record(engine, filter, evaluation_, observer_);
  if (recorded) return std::optional(*std::move(recorded));
  if (recorded.error().code != Code::kUnsupported)
    return tl::unexpected(std::move(recorded).error());
  observer_.warning(fmt::format("{}: the file's layers were not held to the parent's: {}",
                                options_.output.string(), recorded.error().message));
  return std::optional<SliceReference>();
}

Result<Json> SpecializeRun::measure(const gguf::GgufFile& file, const MoeModel& model) {
  Json measured;
  const bool healed = is_healed();
  COE_TRY(const auto filter, virtual_surgery(mask_, file, model, options_.n_used));
  std::optional<SliceReference> masked;
  {
    COE_TRY(auto* engine, engine_.get());
    const EvalSubject parent{engine, nullptr, "the parent"};
    COE_TRY(const auto reference, reference_of(parent, model, healed));
    std::vector<ExpertFilter> filters = {filter};
    for (std::uint32_t seed = 1; seed <= options_.n_random; ++seed) {
      COE_TRY(const auto random, random_mask(model, options_.n_keep, seed));
      COE_TRY(filters.emplace_back(), virtual_surgery(random, file, model, options_.n_used));
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

void SpecializeRun::fill_domains(const Json& measured) {
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

Status SpecializeRun::stage_eval(const gguf::GgufFile& parent, const MoeModel& model) {
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
    if (!may_replace()) return tl::unexpected(of_another_run(file, *difference));
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
Corpus SpecializeRun::own_evaluation() const {
  Corpus own;
  for (const auto& domain : evaluation_.domains)
    if (stats_.find_domain(domain.name) != nullptr) own.domains.push_back(domain);
  return own.domains.empty() ? evaluation_ : own;
}

void SpecializeRun::finish_chat(bool reused, Clock::time_point start) {
  if (const auto words = chat_warning(*report_.chat_check, passes_); !words.empty())
    observer_.warning(fmt::format("{}: {}", options_.output.string(), words));
  finish("chat", beside("chat.json"), reused, start);
}

Status SpecializeRun::stage_chat(const MoeModel& model) {
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
    if (!may_replace()) return tl::unexpected(of_another_run(file, *difference));
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

}  // namespace coe
