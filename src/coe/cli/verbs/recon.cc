// coe recon: score experts by what their removal does to the layer's output.
#include "coe/mask/recon/recon.h"

#include "coe/base/inputs.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/engine/run_settings.h"
#include "coe/mask/score/table.h"
#include "coe/model/moe/open_model.h"
#include "coe/profile/stage.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>

namespace coe::cli {

namespace {

struct ReconVerbOptions {
  CorpusOptions corpus;
  EngineOptions engine;
  ReconOptions recon;
  std::uint32_t n_candidate = 0;
  std::uint64_t memory_mb = 2048;
  Path output;
};

// Mean over layers of what is lost with `n_keep` experts left.
double mean_loss(const ScoreTable& table, std::size_t n_keep) {
  double sum = 0.0;
  for (std::size_t l = 0; l < table.loss.n_layer(); ++l)
    sum += table.loss.at(l, table.loss.n_expert() - n_keep - 1);
  return sum / static_cast<double>(table.loss.n_layer());
}

Result<int> recon(const ReconVerbOptions& options, Session& session) {
  const auto start = std::chrono::steady_clock::now();
  COE_TRY(const auto lock, session.claim(options.output));
  COE_TRY_STATUS(check_not_input(partial_of(options.output)));  // the state, which goes at the end
  COE_TRY(const auto corpus, load_corpus(options.corpus, options.engine.model, session));
  COE_TRY(const auto model, open_model(options.engine.model, session.console));
  auto engine_options = options.engine;
  COE_TRY(engine_options.n_candidate, candidate_depth(model.moe, options.n_candidate));
  COE_TRY(const auto engine, session.library.open(engine_options));
  auto recon_options = options.recon;
  recon_options.memory_bytes = options.memory_mb << 20;
  recon_options.run_settings = run_settings(session.library, engine_options);
  recon_options.state = partial_of(options.output);
  COE_TRY(auto table,
          run_recon(*engine, model.file, model.moe, corpus, recon_options, session.console));
  table.command_line = session.command_line;
  COE_TRY_STATUS(write_recon_table(options.output, table, session.overwrite()));

  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  auto doc = document("recon");
  doc["output"] = options.output.string();
  doc["n_token"] = table.n_token;
  doc["n_candidate"] = engine_options.n_candidate;
  doc["seconds"] = seconds;
  doc["loss"] = Json::array();
  std::string text = fmt::format(
      "{}: {} layers of {} experts, from {} tokens and {} candidates each "
      "in {:.1f} s\n",
      options.output.string(), table.shape.n_layer(), table.shape.n_expert, table.n_token,
      engine_options.n_candidate, seconds);
  for (const std::size_t part : {4U, 2U, 1U}) {
    const std::size_t n_keep = table.scores.n_expert() * part / 8;
    if (n_keep < table.shape.n_expert_used || n_keep == table.shape.n_expert) continue;
    const double loss = mean_loss(table, n_keep);
    doc["loss"].push_back({{"n_keep", n_keep}, {"mean", loss}});
    text += fmt::format("  {} kept: mean error {:.4f}\n", n_keep, loss);
  }
  text += next_step("recon", {.output = options.output});
  COE_TRY_STATUS(session.emit(doc, text));
  return kExitDone;
}

}  // namespace

void add_recon(CLI::App& app, Run& run) {
  auto options = std::make_shared<ReconVerbOptions>();
  options->engine.n_batch = kReconBatch;
  auto* verb = app.add_subcommand(
      "recon", "Score experts by what removing them does to their layer's output");
  add_model_option(*verb, "-m,--model", options->engine.model, "Parent model")->required();
  add_corpus_options(*verb, options->corpus);
  verb->add_option("-o,--output", options->output, "Score table to write, for coe mask")
      ->required();
  verb->add_option("--tokens", options->recon.n_token, "Tokens to look at")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--record-tokens", options->recon.record_tokens,
                   "Cut records into stretches of this many tokens, and take the first of each")
      ->check(CLI::Range(2U, 1048576U))
      ->capture_default_str();
  verb->add_option("--candidates", options->n_candidate,
                   "Experts to look at for each token, best first (0: eight times those it uses)")
      ->capture_default_str();
  verb->add_option("--memory", options->memory_mb,
                   "MB for what is kept of the tokens; less runs the text several times")
      ->check(CLI::Range(1U, 1U << 30))
      ->capture_default_str();
  add_engine_options(*verb, options->engine);
  verb->callback(
      [options, &run] { run = [options](Session& session) { return recon(*options, session); }; });
}

}  // namespace coe::cli
