// coe corpus, and coe corpus build: assembles a corpus from a TOML spec.
#include "coe/cli/verbs/corpus.h"

#include "coe/ask/generate/model_hooks.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/corpus.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/corpus/bad_records.h"
#include "coe/corpus/build.h"
#include "coe/corpus/manifest.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

namespace coe::cli {

namespace {

struct CorpusBuildVerbOptions {
  CorpusBuildOptions build;
  Path model;
  std::string max_bad;
};

Result<int> build(CorpusBuildVerbOptions options, Session& session) {
  options.build.overwrite = session.overwrite();
  if (!options.max_bad.empty()) {
    auto limit = BadLimit::parse(options.max_bad);
    if (!limit) return tl::unexpected(std::move(limit).error().context("--max-bad"));
    options.build.max_bad = *limit;
  }
  COE_TRY_STATUS(check_output(options.build.output, options.build.overwrite));
  COE_TRY(options.build.model, open_hooks(options.model, session.library, session.console));
  COE_TRY(const auto report, build_corpus(options.build, session.console));
  const bool has_tokens = !options.model.empty();

  auto doc = document("corpus-build");
  doc["output"] = options.build.output.string();
  doc["digest"] = report.digest;
  doc["n_record"] = report.n_record;
  doc["n_token"] = has_tokens ? Json(report.n_token) : Json(nullptr);
  doc["manifest"] = manifest_path(options.build.output).string();
  doc["domains"] = built_domains_json(report, has_tokens);
  COE_TRY_STATUS(session.emit(
      doc,
      fmt::format("{}: {} records\n{}{}", options.build.output.string(), report.n_record,
                  built_domains_table(report, has_tokens),
                  next_step(options.build.held_out ? "corpus build --held-out" : "corpus build",
                            {.model = options.model, .output = options.build.output}))));
  return kExitDone;
}

}  // namespace

void add_corpus(CLI::App& app, Run& run) {
  auto* corpus = app.add_subcommand("corpus", "Assemble text for profiling and evaluation");
  corpus->require_subcommand(1);
  add_corpus_init(*corpus, run);
  auto options = std::make_shared<CorpusBuildVerbOptions>();
  auto* verb = corpus->add_subcommand("build", "Assemble weighted sub-domains from a TOML spec");
  verb->add_option("spec", options->build.spec, "TOML spec (docs/formats/corpus.md)")->required();
  verb->add_option("-o,--output", options->build.output, "JSONL file to write")->required();
  verb->add_option("--root", options->build.root,
                   "Folder that the spec's relative paths start from");
  add_model_option(*verb, "-m,--model", options->model,
                   "Render chats with this model's template and count tokens with its tokenizer");
  verb->add_option("--max-bad", options->max_bad,
                   "Records of a source that may be left out because they cannot be used: a share "
                   "(2%) or a number; more are an error (default: the spec's max_bad, else 1%, and "
                   "one of a small file)");
  verb->add_flag("--held-out", options->build.held_out,
                 "Build what the `off` splits of the spec leave out");
  verb->callback(
      [options, &run] { run = [options](Session& session) { return build(*options, session); }; });
  add_corpus_check(*corpus, run);
  add_corpus_generate(*corpus, run);
}

}  // namespace coe::cli
