#include "coe/college/package/package.h"

#include "coe/base/inputs.h"
#include "coe/base/printable.h"
#include "coe/base/sha256.h"
#include "coe/base/text.h"
#include "coe/college/package/card.h"
#include "coe/college/package/chat_file.h"
#include "coe/college/package/chat_switch.h"
#include "coe/college/package/facts.h"
#include "coe/college/package/new_folder.h"
#include "coe/college/package/ollama.h"
#include "coe/college/package/planned_manifest.h"
#include "coe/college/package/quoting.h"
#include "coe/measure/footprint/memory.h"
#include "coe/model/moe/open_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace coe {
namespace {

bool is_package(const Path& folder) {
  const auto text = read_text(folder / kManifest);
  return text && parse_manifest(*text, "manifest").has_value();
}

// Says whether `path` is `folder` or lies somewhere in it.
bool lies_in(const Path& path, const Path& folder) {
  std::error_code ec;
  const auto inner = std::filesystem::weakly_canonical(path, ec);
  const auto outer = std::filesystem::weakly_canonical(folder, ec);
  const auto [end, rest] = std::ranges::mismatch(outer, inner);
  return end == outer.end();
}

class Packer {
 public:
  Packer(const PackageOptions& options, const EngineLibrary& library, Observer& observer)
      : options_(options), library_(library), observer_(observer) {}

  Result<PackageReport> run() {
    COE_TRY_STATUS(check_words());
    for (const auto& input : {options_.child, options_.parent, options_.mask})
      if (!input.empty() && lies_in(input, options_.output))
        return fail(
            Code::kInvalidArgument,
            fmt::format("{}: lies in the output {}", input.string(), options_.output.string()),
            "choose another name for the output");
    COE_TRY(const auto child, open_model(options_.child, silent_observer()));
    COE_TRY(child_, child_facts(child));
    COE_TRY_STATUS(check_given_mask(options_.child, options_.mask, *child_));
    evaluation_ = evaluation_facts(options_.child, *child_, observer_);
    if (options_.chat_check) chats_ = chat_facts(options_.child, *child_, observer_);
    COE_TRY(auto folder, NewFolder::create(options_.output, options_.overwrite, is_package));
    if (!options_.parent.empty()) {
      COE_TRY(parent_, parent_facts(options_.parent, child, *child_, observer_));
    }
    fill_manifest();
    COE_TRY_STATUS(ask_engine());
    note_what_is_missing();
    COE_TRY_STATUS(place_model(folder.temporary(), child));
    COE_TRY_STATUS(write_texts(folder.temporary()));
    if (observer_.cancelled())
      return fail(Code::kCancelled,
                  fmt::format("{}: stopped, nothing written", options_.output.string()));
    COE_TRY_STATUS(folder.commit());
    report_.folder = options_.output;
    return std::move(report_);
  }

 private:
  Status check_words() const {
    if (!options_.name.empty()) COE_TRY_STATUS(check_line(options_.name, "--name"));
    if (!options_.license.empty()) COE_TRY_STATUS(check_line(options_.license, "--license"));
    if (file_slug(options_.publisher) != options_.publisher || options_.publisher.empty())
      return fail(
          Code::kInvalidArgument,
          fmt::format("--publisher: `{}` is no name for a folder", printable(options_.publisher)),
          "use letters, digits, '-', '_' and '.'");
    if (!options_.base_model.empty() && !is_hub_id(options_.base_model))
      return fail(Code::kInvalidArgument,
                  fmt::format("--base-model: `{}` is no repository of the Hub",
                              printable(options_.base_model)),
                  "write it as ORGANISATION/NAME");
    if (options_.system.empty()) return {};
    COE_TRY_STATUS(modelfile_text(options_.system, "--system"));
    const auto n_dropped = count_dropped_by_ollama(options_.system);
    if (n_dropped > 0)
      observer_.warning(
          fmt::format("--system: Ollama's parser leaves out {} of its characters that it does not "
                      "print (such as "
                      "no-break spaces and joiners)",
                      n_dropped));
    return {};
  }

  void fill_manifest() {
    auto& m = report_.manifest;
    m = planned_manifest({options_.child, options_.name, options_.publisher,
                          options_.n_ctx.value_or(kPackagedContext)},
                         *child_);
    if (options_.n_ctx && m.n_ctx < *options_.n_ctx)
      observer_.warning(
          fmt::format("--num-ctx: {} is more than the {} tokens that it was trained "
                      "for, which are taken",
                      *options_.n_ctx, m.n_ctx));
    if (parent_) {
      m.parent.file = parent_->file;
      m.parent.bytes = parent_->bytes;
      m.parent.sha256 = parent_->sha256;
    }
    find_origin(m);
    m.mask_digest = child_->mask.digest();
    m.domain = child_->cut.domain;
    m.recipe = {.mode = child_->cut.mode,
                .drop_mtp = parent_ ? std::optional(parent_->mtp_dropped) : std::nullopt,
                .name = child_->given_name,
                .coe_version = child_->cut.version,
                .n_used = child_->cut.n_used,
                .heal_settings = child_->cut.heal_settings,
                .heal_text_digest = child_->cut.heal_text_digest};
    m.engine = library_.version();
    m.engine_revision = library_.revision();
    m.profiles = profile_facts(child_->mask);
    if (evaluation_) add_evaluation(m.evaluation.emplace());
    if (chats_ && chats_->checks.child.not_run.empty()) add_chats(m.chat_check.emplace());
  }

  // Licence and base model: what the user says, else the child, else the parent.
  void find_origin(PackageManifest& m) {
    m.license =
        first_of({options_.license, child_->license, parent_ ? parent_->license : std::string()});
    if (m.license.empty() || options_.license.empty())
      license_link_ =
          first_of({child_->license_link, parent_ ? parent_->license_link : std::string()});
    if (!m.license.empty() && !check_line(m.license, "general.license")) m.license.clear();
    m.base_model = options_.base_model;
    if (m.base_model.empty() && !child_->base_models.empty())
      m.base_model = child_->base_models.front();
    if (m.base_model.empty() && parent_ && !parent_->base_models.empty())
      m.base_model = parent_->base_models.front();
  }

  void add_evaluation(PackageEvaluation& evaluation) const {
    evaluation.sha256 = evaluation_->sha256;
    evaluation.corpus = evaluation_->corpus;
    evaluation.engine = evaluation_->engine;
    for (const auto& row : evaluation_->rows) {
      if (row.name == kWholeDomain) continue;
      evaluation.n_record += row.specialist.n_record;
      evaluation.n_token += row.specialist.n_token;
    }
  }

  void add_chats(PackageChatCheck& chats) const {
    const auto& check = chats_->checks.child;
    chats.n_question = static_cast<std::uint32_t>(check.n_question);
    chats.n_answer = static_cast<std::uint32_t>(check.answers.size());
    chats.n_bad = static_cast<std::uint32_t>(check.n_bad());
    chats.max_new_tokens = chats_->max_new_tokens;
    chats.passed = check.passed();
    if (!chats.passed)
      observer_.warning(fmt::format("it does not answer chats well ({}): the card says so",
                                    chat_fault_words(check)));
  }

  static std::string first_of(const std::vector<std::string>& texts) {
    const auto found = std::ranges::find_if(texts, [](const auto& text) { return !text.empty(); });
    return found == texts.end() ? std::string() : *found;
  }

  // Memory first: that happens in a process of its own, before the engine is open.
  Status ask_engine() {
    const auto revision = library_.version();
    if (revision == "none") return {};
    std::vector<std::uint32_t> contexts = {4096, 16384, 65536, report_.manifest.n_ctx};
    for (auto& n_ctx : contexts) n_ctx = std::min(n_ctx, child_->n_ctx_train);
    std::ranges::sort(contexts);
    contexts.erase(std::ranges::unique(contexts).begin(), contexts.end());
    auto engine = options_.engine;
    engine.model = options_.child;
    auto devices = predicted_memory(library_, engine, contexts);
    if (devices)
      memory_ = PredictedMemory{revision, std::move(contexts), *std::move(devices)};
    else
      observer_.warning("memory was not predicted: " + devices.error().message);
    if (observer_.cancelled())
      return fail(Code::kCancelled,
                  fmt::format("{}: stopped, nothing written", options_.output.string()));
    if (child_->chat_template.empty()) return {};
    const auto opened = library_.open(template_engine(options_.child));
    auto found = opened ? find_chat_switch(**opened) : tl::unexpected(opened.error());
    if (!found) {
      observer_.warning("the chat template was not tried: " + found.error().message);
      return {};
    }
    chat_ = *std::move(found);
    report_.manifest.thinking = thinking_name(chat_->thinking);
    if (chat_->thinking == Thinking::kAlways)
      observer_.warning("its chat template does not switch thinking off: the card says so");
    return {};
  }

  // Stops that a Modelfile can hold.
  std::vector<std::string> stops() const {
    std::vector<std::string> out;
    for (const auto& stop : child_->stops) {
      if (modelfile_text(stop, "stop") && count_dropped_by_ollama(stop) == 0)
        out.push_back(stop);
      else
        observer_.warning(fmt::format(
            "the token `{}` that ends turns is left out of the Modelfile, which cannot hold it",
            printable(stop)));
    }
    return out;
  }

  void note_what_is_missing() {
    auto& m = report_.manifest;
    const auto note = [&](bool is_missing, std::string_view words) {
      if (is_missing) m.missing.emplace_back(words);
    };
    note(m.license.empty(),
         "the licence: neither the file nor its parent names one, and none was "
         "given (--license)");
    note(m.base_model.empty(), "the parent's repository on the Hugging Face Hub (--base-model)");
    note(m.parent.sha256.empty(),
         "the SHA-256 of the parent's file: it was not at hand, or is in "
         "several files (-m)");
    note(m.domain.empty(), "the domain: the mask names no text");
    note(m.profiles.empty(), "the routing profiles: the mask names none");
    note(!evaluation_, "how well it keeps its domain: no evaluation was beside the file");
    note(!chats_, "whether it answers chats: no chat check was beside the file");
    note(chats_ && !chats_->checks.child.not_run.empty(),
         "whether it answers chats: " + (chats_ ? chats_->checks.child.not_run : std::string()));
    note(!memory_, "the memory that it takes");
    note(child_->chat_template.empty(), "a chat template: the file has none");
    note(!child_->chat_template.empty() && !chat_,
         "whether its chat template can switch thinking off: it was not tried");
    note(child_->quantization.empty(), "the quantisation: the file does not say");
    note(child_->stops.empty(), "tokens that end a turn: the file names none");
  }

  Status place_model(const Path& folder, const OpenModel& child) {
    auto& m = report_.manifest;
    const Path target = folder / m.model.file;
    COE_TRY(report_.placement, place_file(options_.child, target, observer_));
    COE_TRY(m.model.sha256, sha256_file(target, "SHA-256", observer_));
    COE_TRY_STATUS(child.file.check_unchanged());
    m.files.push_back({m.model.file, m.model.bytes, m.model.sha256});
    if (m.model.needs_text_part) return {};
    const Path second = folder / lm_studio_path(m);
    COE_TRY_STATUS(make_folder(second.parent_path()));
    report_.lm_studio = link_file(target, second);
    if (report_.lm_studio) {
      m.files.push_back({lm_studio_path(m), m.model.bytes, m.model.sha256});
      return {};
    }
    std::error_code ec;
    std::filesystem::remove_all(folder / kLmStudio, ec);
    observer_.warning(
        "LM Studio's folder is left out: this file system has no hard links, and a second copy of "
        "the model would be as large as the first");
    return {};
  }

  Status write_texts(const Path& folder) {
    auto& m = report_.manifest;
    const auto* family = find_ollama_family(child_->id.architecture);
    std::string_view renderer;
    std::string_view parser;
    if (family != nullptr) {
      renderer = renderer_for(*family, child_->chat_template);
      parser = family->parser;
    } else {
      observer_.warning(fmt::format(
          "no RENDERER and PARSER of Ollama are known for {}: the Modelfile names none, and Ollama "
          "takes the file's chat template where it recognises it",
          printable(child_->id.architecture)));
    }
    report_.uses = program_uses(m, report_.lm_studio);
    const auto kept_stops = stops();
    COE_TRY(const auto modelfile, modelfile_for(m, {.renderer = renderer,
                                                    .parser = parser,
                                                    .stops = kept_stops,
                                                    .system = options_.system,
                                                    .license = m.license}));
    const auto card = card_text({.manifest = m,
                                 .child = *child_,
                                 .evaluation = evaluation_,
                                 .chats = chats_,
                                 .memory = memory_,
                                 .chat = chat_,
                                 .license_link = license_link_,
                                 .has_system = !options_.system.empty(),
                                 .has_renderer = !renderer.empty(),
                                 .uses = report_.uses});
    std::vector<std::pair<std::string_view, std::string>> texts = {
        {kModelfile, modelfile}, {kMaskFile, child_->mask_text}, {kCard, card}};
    if (!m.model.needs_text_part) {
      texts.emplace_back(kServerPreset, server_preset_text(m));
      texts.emplace_back(kSwapConfig, swap_config_text(m));
    }
    if (m.chat_check) texts.emplace_back(kChatCheckFile, chat_file_text(*chats_));
    for (const auto& [name, text] : texts) {
      COE_TRY_STATUS(write_file(folder / name, text, Overwrite::kRefuse));
      m.files.push_back({std::string(name), text.size(), sha256_of(text)});
    }
    std::ranges::sort(m.files, {}, &PackagedFile::path);
    return write_file(folder / kManifest, manifest_text(m), Overwrite::kRefuse);
  }

  const PackageOptions& options_;
  const EngineLibrary& library_;
  Observer& observer_;
  std::optional<ChildFacts> child_;
  std::optional<ParentFacts> parent_;
  std::optional<EvaluationFacts> evaluation_;
  std::optional<ChatFacts> chats_;
  std::optional<PredictedMemory> memory_;
  std::optional<ChatSwitch> chat_;
  std::string license_link_;
  PackageReport report_;
};

}  // namespace

EngineOptions template_engine(const Path& model) {
  EngineOptions options;
  options.model = model;
  options.n_ctx = 512;
  options.n_gpu_layers = 0;
  options.repack = false;  // weights stay in the file's pages, which nobody reads
  options.all_logits = false;
  return options;
}

Result<PackageReport> make_package(const PackageOptions& options, const EngineLibrary& library,
                                   Observer& observer) {
  return Packer(options, library, observer).run();
}

}  // namespace coe
