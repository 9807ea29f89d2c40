// coe inspect: what is in the file, and what cutting it would give.
#include "coe/cli/render/inspect.h"

#include "coe/base/text.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/fit.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/measure/footprint/fit.h"
#include "coe/model/moe/keep_count.h"
#include "coe/model/moe/open_model.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace coe::cli {

namespace {

struct InspectVerbOptions {
  EngineOptions engine;
  std::vector<std::uint32_t> contexts;
  std::vector<std::string> counts;
  std::string budget;  // empty: none
};

// A context that a conversation with thinking has room in.
constexpr std::uint32_t kUsualContext = 16384;

Result<std::vector<std::uint32_t>> counts_of(const InspectVerbOptions& options,
                                             const MoeModel& model) {
  std::vector<std::uint32_t> counts;
  for (const auto& text : options.counts) {
    COE_TRY(const auto keep, parse_keep(text));
    COE_TRY(counts.emplace_back(), keep_count(keep, grid_of(model)));
  }
  return counts;
}

Result<std::vector<Fit>> fits_of(const InspectVerbOptions& options, const OpenModel& model,
                                 std::uint64_t budget, Session& session) {
  std::vector<Fit> fits;
  for (const auto n_ctx : options.contexts) {
    COE_TRY(fits.emplace_back(),
            fit_keep(session.library, model, {options.engine, n_ctx, budget}, session.console));
  }
  return fits;
}

Result<int> inspect(InspectVerbOptions options, Session& session) {
  std::uint64_t budget = 0;
  if (!options.budget.empty()) {
    COE_TRY(budget, parse_bytes(options.budget));
  }
  COE_TRY(const auto model, open_model(options.engine.model, session.console));
  const auto parts = file_parts(model);
  auto doc = inspect_json(options.engine.model, model, parts);
  auto text = inspect_text(options.engine.model, model, parts);
  COE_TRY(const auto counts, counts_of(options, model.moe));
  const bool asks_memory = !options.contexts.empty() || !counts.empty();
  if (options.contexts.empty()) options.contexts = {kUsualContext};
  if (asks_memory && (budget == 0 || !counts.empty())) {
    COE_TRY(const auto cuts, predict_cuts(session.library, model, options.engine, counts,
                                          options.contexts, session.console));
    session.console.clear();
    doc["memory"] = cuts_json(cuts);
    text += cuts_text(cuts, session.library.version());
  }
  bool all_fit = true;
  Finished done{.model = options.engine.model, .is_specialist = !doc["specialist"].is_null()};
  if (budget > 0) {
    COE_TRY(const auto fits, fits_of(options, model, budget, session));
    all_fit = std::ranges::all_of(fits, [](const Fit& fit) { return fit.n_keep.has_value(); });
    doc["fit"] = fits_json(fits);
    for (const auto& fit : fits) text += fit_text(fit, model.moe, session.library.version());
    // What fits with the longest of the contexts; all of it needs no cut.
    std::uint32_t least = model.moe.n_expert;
    for (const auto& fit : fits) least = std::min(least, fit.n_keep.value_or(least));
    if (all_fit && least < model.moe.n_expert) done.keep = std::to_string(least);
  }
  text += next_step("inspect", done);
  COE_TRY_STATUS(session.emit(doc, text));
  return all_fit ? kExitDone : kExitCheckFailed;
}

}  // namespace

void add_inspect(CLI::App& app, Run& run) {
  auto options = std::make_shared<InspectVerbOptions>();
  auto* verb =
      app.add_subcommand("inspect", "Show what is in a MoE GGUF and what K experts would weigh");
  serve_defaults(options->engine);
  add_model_option(*verb, "model,-m,--model", options->engine.model, "GGUF file")->required();
  verb->add_option("-c,--ctx-size", options->contexts,
                   "Predict the memory it and its cuts need with contexts of so many tokens, "
                   "capped at what it was trained for: 16k,64k")
      ->delimiter(',')
      ->transform(context_length())
      ->check(CLI::Range(16U, 1U << 30));
  verb->add_option("-k,--keep", options->counts,
                   "Predict the memory of these cuts, experts in each layer: 64,50%,half (default "
                   "with -c: those suggested; without -c the context is 16k)")
      ->delimiter(',');
  verb->add_option("--fit", options->budget,
                   "Find the most experts a layer that fit into so much memory, with all layers on "
                   "one device: 12GB (10^9), 12GiB (2^30); context: -c (default 16k)");
  add_device_options(*verb, options->engine);
  verb->callback([options, &run] {
    run = [options](Session& session) { return inspect(*options, session); };
  });
}

}  // namespace coe::cli
