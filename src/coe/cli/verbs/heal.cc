// coe heal: cut a parent, and fit what stands beside the experts so that it makes up for those that
// are gone.
#include "coe/child/heal/heal.h"

#include "coe/base/inputs.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/heal.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/corpus/leaks.h"
#include "coe/corpus/select.h"
#include "coe/engine/run_settings.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/moe/open_model.h"
#include "coe/specialize/heal_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

struct HealVerbOptions {
  EngineOptions engine;
  Path mask;
  CorpusOptions corpus;
  std::vector<Path> evaluation;  // texts that must not be fitted on
  HealOptions heal;
  std::string method = "adam";
  std::string type = "Q8_0";
  Path state;
  Path output;
  std::string name;
  bool no_verify = false;
};

Result<std::optional<gguf::TensorType>> read_type(std::string name) {
  if (name == "parent") return std::nullopt;
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
  const auto type = gguf::type_from_name(name);
  if (type) return type;
  return fail(Code::kInvalidArgument, fmt::format("--type: `{}` is no type of tensors", name),
              "e.g. Q8_0, Q6_K, or `parent` for that of the parent's tensor");
}

Result<Split> split_text(const HealVerbOptions& options, const Corpus& corpus, Session& session) {
  COE_TRY(auto split, split_for_healing(corpus));
  if (options.evaluation.empty()) return split;
  auto evaluated = options.corpus;
  evaluated.files = options.evaluation;
  COE_TRY(const auto evaluation,
          load_corpus(evaluated, options.engine.model, session, "evaluation text"));
  COE_TRY(const auto found, find_leaks(corpus, evaluation, {}, session.console));
  if (found.leaks.empty()) return split;
  const auto& first = found.leaks.front();
  return fail(
      Code::kMismatch,
      fmt::format("{} of {} evaluation records stand in the text to heal on, first {} in {}",
                  found.leaks.size(), found.n_record, first.evaluation, first.profiling),
      "take them out: `coe corpus check` lists them");
}

// NAME.heal.json of DIR/NAME.gguf; a run replaces its own.
Result<Path> record_of(const Path& child, const Session& session) {
  auto record = child;
  record.replace_extension(".heal.json");
  COE_TRY_STATUS(
      check_output(record, is_heal_file(record) ? Overwrite::kAllow : session.overwrite()));
  return record;
}

// Errors: those of prove_child; kInternal where other tensors than `n_healed` were healed.
Status prove_healed(const HealVerbOptions& options, std::span<const Path> written,
                    const KeepMask& mask, std::size_t n_healed, Session& session) {
  COE_TRY(const auto proof,
          prove_child(options.engine.model, written, options.output, mask,
                      session.library.dequantizer(), session.console, Healed::kAllow));
  if (proof.healed.size() == n_healed) return {};
  return fail(Code::kInternal,
              fmt::format("{} tensors were healed and {} written", n_healed, proof.healed.size()));
}

Result<int> heal_verb(const HealVerbOptions& options, Session& session) {
  const auto start = std::chrono::steady_clock::now();
  COE_TRY_STATUS(check_cut_options(options.mask, options.heal.n_used));
  COE_TRY(const auto lock, session.claim(options.output));
  COE_TRY(const auto record, record_of(options.output, session));
  auto heal_options = options.heal;
  heal_options.method = find_heal_method(options.method).value();  // one of --method's
  COE_TRY(heal_options.type, read_type(options.type));
  COE_TRY(const auto model, open_model(options.engine.model, session.console));
  const auto n_used = heal_options.n_used;
  COE_TRY(const auto mask, mask_to_cut(options.mask, n_used, model));
  COE_TRY(const auto corpus, load_corpus(options.corpus, options.engine.model, session));
  COE_TRY(const auto split, split_text(options, corpus, session));
  COE_TRY_STATUS(check_mask(mask, model.moe, options.mask.string(), may_keep_all(n_used)));
  auto engine_options = options.engine;
  engine_options.n_batch = std::max(engine_options.n_batch, heal_options.record_tokens);
  heal_options.run_settings = run_settings(session.library, engine_options);
  const bool keeps_state = !options.state.empty();
  heal_options.state = keeps_state ? options.state : Path(options.output.string() + ".heal");
  std::optional<Healing> healing;
  {
    COE_TRY(const auto engine, session.library.open(engine_options));
    COE_TRY(healing,
            heal(*engine, model.file, model.moe, mask, split.rest, split.held_out, heal_options,
                 *session.library.dequantizer(), *session.library.quantizer(), session.console));
  }
  COE_TRY_STATUS(write_heal_file(record, heal_file_settings(mask, corpus.digest, heal_options),
                                 summary_of(*healing, heal_options.method, corpus.digest),
                                 Overwrite::kAllow));
  SurgeryOptions surgery;
  surgery.name = options.name;
  surgery.n_used = n_used;
  if (!options.mask.empty()) surgery.mask_name = options.mask.string();
  add_healing(*healing, corpus.digest, surgery);
  COE_TRY(const auto plan, plan_surgery(model.file, model.moe, mask, surgery));
  for (const auto& warning : plan.warnings) session.console.warning(warning);
  const ChildProof prove = [&](std::span<const Path> written) {
    return prove_healed(options, written, mask, surgery.replaced.size(), session);
  };
  COE_TRY_STATUS(apply_plan(model.file, plan, options.output, session.overwrite(), session.console,
                            options.no_verify ? nullptr : prove));
  if (!keeps_state) remove_heal_state(heal_options.state);
  const HealOutput output{
      .parent = options.engine.model,
      .output = options.output,
      .healing = *healing,
      .counts = expert_counts(mask, model.moe, n_used),
      .bytes_parent = model.file.header().file_bytes,
      .bytes_child = plan.file_bytes,
      .proven = !options.no_verify,
      .wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
  COE_TRY_STATUS(session.emit(
      heal_json(output), heal_text(output) + next_step("heal", {.model = options.output,
                                                                .parent = options.engine.model})));
  return kExitDone;
}

void add_fit_options(CLI::App& verb, HealVerbOptions& options) {
  const OptionTitle title(verb, "Fit");
  verb.add_option("--method", options.method,
                  "gain: one factor a layer; ridge: and the down-projection, in closed form; adam: "
                  "gate, up and down, by steps")
      ->check(CLI::IsMember(kHealMethodNames))
      ->capture_default_str();
  verb.add_option("--steps", options.heal.n_step, "Steps of each layer (adam)")
      ->check(CLI::Range(1U, 100000U))
      ->capture_default_str();
  verb.add_option("--tokens", options.heal.n_token,
                  "Tokens to fit on: 60 for each hidden unit of the dense FFN do most")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb.add_option("--validation-tokens", options.heal.n_validation,
                  "Tokens that decide what is kept, of one record in eight")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb.add_option("--record-tokens", options.heal.record_tokens,
                  "Cut records into stretches of this many tokens, and take the first of each")
      ->check(CLI::Range(2U, 65536U))
      ->capture_default_str();
  verb.add_option("--state", options.state,
                  "Folder for what is gathered of the text, kept for other fits of the same mask "
                  "(default: OUTPUT.heal, removed at the end)");
  verb.add_option("--seed", options.heal.seed, "Of the tokens that a step takes")
      ->capture_default_str();
  verb.add_option("--type", options.type,
                  "Type of changed matrices, or `parent`: what theirs is in the parent")
      ->capture_default_str();
}

}  // namespace

void add_heal(CLI::App& app, Run& run) {
  auto options = std::make_shared<HealVerbOptions>();
  auto* verb = app.add_subcommand(
      "heal", "Cut a parent, and fit what stands beside the experts to make up for the lost ones");
  add_model_option(*verb, "-m,--model", options->engine.model, "Parent GGUF")->required();
  add_cut_options(*verb, options->mask, options->heal.n_used);
  add_corpus_options(*verb, options->corpus);
  verb->add_option("--eval", options->evaluation,
                   "Text that the child will be measured on: healing refuses to see any of it");
  verb->add_option("-o,--output", options->output, "Child GGUF to write")->required();
  verb->add_option("--name", options->name,
                   "Name of the child (default: the parent's, the mask's domain, and how much is "
                   "kept)");
  verb->add_flag("--no-verify", options->no_verify,
                 "Leave out the proof: the child is not read again and held to parent and mask");
  add_fit_options(*verb, *options);
  add_engine_options(*verb, options->engine);
  verb->callback([options, &run] {
    run = [options](Session& session) { return heal_verb(*options, session); };
  });
}

}  // namespace coe::cli
