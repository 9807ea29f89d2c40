// coe verify: prove a child from the files alone, and with text from what the engine makes of it.
#include "coe/child/verify/verify.h"

#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/verify.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/mask/masked/virtual_surgery.h"
#include "coe/measure/eval/slice_check.h"
#include "coe/model/moe/open_model.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace coe::cli {

namespace {

struct VerifyVerbOptions {
  Path parent;
  Path child;
  Path mask;
  bool healed = false;
  CorpusOptions corpus;  // without files the engine is not asked
  EngineOptions engine;
};

// The mask that the child was cut by. Errors: kInvalidArgument where it does not say.
Result<KeepMask> own_mask(const Path& child) {
  COE_TRY(const auto file, gguf::GgufFile::open(child));
  const auto* key = file.header().find_key("coe.mask");
  const auto text = key == nullptr ? std::nullopt : key->as_string();
  if (!text)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: does not say what it was cut by", child.string()),
                "give the mask with --mask");
  return parse_mask(*text, child.string());
}

// `n_used`: experts that the child uses a token, as the proof found; 0: as many as the parent.
Result<SliceCheck> run_both(const VerifyVerbOptions& options, const std::optional<KeepMask>& given,
                            std::uint32_t n_used, Session& session) {
  COE_TRY(const auto corpus, load_corpus(options.corpus, options.parent, session));
  COE_TRY(const auto parent, open_model(options.parent, session.console));
  COE_TRY(const auto mask, given ? Result<KeepMask>(*given) : own_mask(options.child));
  COE_TRY_STATUS(check_mask(mask, parent.moe, options.mask.string(), may_keep_all(n_used)));
  COE_TRY(const auto filter, virtual_surgery(mask, parent.file, parent.moe, n_used));
  EngineOptions engine = options.engine;
  engine.model = options.parent;
  std::optional<SliceReference> reference;
  {
    COE_TRY(const auto opened, session.library.open(engine));
    COE_TRY(reference, SliceReference::record(*opened, filter, corpus, session.console));
  }
  engine.model = options.child;
  COE_TRY(const auto child, session.library.open(engine));
  return reference->check(*child, SliceLimits(), session.console);
}

Result<int> verify(const VerifyVerbOptions& options, Session& session) {
  std::optional<KeepMask> mask;
  if (!options.mask.empty()) {
    COE_TRY(mask, read_mask(options.mask));
  }
  VerifyOutput output{.parent = options.parent, .child = options.child, .report = {}, .run = {}};
  const auto start = std::chrono::steady_clock::now();
  COE_TRY(output.report,
          verify_child(options.parent, options.child, mask, session.library.dequantizer(),
                       session.console, options.healed ? Healed::kAllow : Healed::kRefuse));
  if (!options.corpus.files.empty()) {
    auto run = run_both(options, mask, output.report.n_used, session);
    // What ends the runs may come of what the proof found, which is said all the same.
    if (!run && (output.report.ok() || run.error().code == Code::kCancelled))
      return tl::unexpected(std::move(run.error()));
    if (run)
      output.run = *std::move(run);
    else
      session.console.warning("the text was not run: " + run.error().message);
  }
  output.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  auto text = verify_text(output);
  if (output.ok())
    text += next_step(
        "verify", {.model = options.child, .parent = options.parent, .text = options.corpus.files});
  COE_TRY_STATUS(session.emit(verify_json(output), text));
  return output.ok() ? kExitDone : kExitCheckFailed;
}

}  // namespace

void add_verify(CLI::App& app, Run& run) {
  auto options = std::make_shared<VerifyVerbOptions>();
  auto* verb =
      app.add_subcommand("verify", "Prove that a child is its parent cut by a mask; exit 1 if not");
  add_model_option(*verb, "parent", options->parent, "Parent GGUF")->required();
  add_model_option(*verb, "child", options->child, "Child GGUF")->required();
  verb->add_option("--mask", options->mask, "Mask to hold it to (default: the one in the child)");
  auto* healed =
      verb->add_flag("--healed", options->healed,
                     "The child is healed: list what `coe heal` changed, and prove the rest");
  add_corpus_options(*verb, options->corpus, false);
  // A healed layer gives on something else, so what comes after it sees other inputs.
  healed->excludes(verb->get_option("--file"));
  add_engine_options(*verb, options->engine);
  verb->callback(
      [options, &run] { run = [options](Session& session) { return verify(*options, session); }; });
}

}  // namespace coe::cli
