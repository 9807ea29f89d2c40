// coe inspect: what is in the file, and what cutting it would give.
#include "coe/cli/render/inspect.h"

#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/model/moe/open_model.h"

#include <memory>

namespace coe::cli {

namespace {

struct InspectVerbOptions {
  EngineOptions engine;
  std::vector<std::uint32_t> contexts;
  std::vector<std::uint32_t> counts;
};

Result<int> inspect(const InspectVerbOptions& options, Session& session) {
  COE_TRY(const auto model, open_model(options.engine.model, session.console));
  const auto parts = file_parts(model);
  auto doc = inspect_json(options.engine.model, model, parts);
  auto text = inspect_text(options.engine.model, model, parts);
  if (!options.contexts.empty()) {
    COE_TRY(const auto cuts, predict_cuts(session.library, model, options.engine, options.counts,
                                          options.contexts, session.console));
    session.console.clear();
    doc["memory"] = cuts_json(cuts);
    text += cuts_text(cuts, session.library.version());
  }
  COE_TRY_STATUS(session.emit(doc, text));
  return kExitDone;
}

}  // namespace

void add_inspect(CLI::App& app, Run& run) {
  auto options = std::make_shared<InspectVerbOptions>();
  auto* verb =
      app.add_subcommand("inspect", "Show what is in a MoE GGUF and what K experts would weigh");
  serve_defaults(options->engine);
  verb->add_option("model,-m,--model", options->engine.model, "GGUF file")->required();
  verb->add_option("-c,--ctx-size", options->contexts,
                   "Predict the memory it and its cuts need with contexts of so many tokens, "
                   "capped at what it was trained for: 16384,65536")
      ->delimiter(',')
      ->check(CLI::Range(16U, 1U << 30));
  verb->add_option("-k,--keep", options->counts,
                   "With -c: cuts to predict, experts in each layer (default: those suggested)")
      ->delimiter(',');
  add_device_options(*verb, options->engine);
  verb->callback([options, &run] {
    run = [options](Session& session) { return inspect(*options, session); };
  });
}

}  // namespace coe::cli
