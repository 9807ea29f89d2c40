// coe corpus, and coe corpus build: assembles a corpus from a TOML spec.
#include "coe/cli/corpus.h"

#include "coe/cli/exit_code.h"
#include "coe/cli/model_hooks.h"
#include "coe/cli/session.h"
#include "coe/corpus/build.h"
#include "coe/corpus/manifest.h"

namespace coe::cli {

namespace {

struct Options {
  CorpusBuildOptions build;
  Path model;
};

Result<int> build(Options options, Session& session) {
  options.build.overwrite = session.overwrite();
  COE_TRY_STATUS(check_output(options.build.output, options.build.overwrite));
  COE_TRY(options.build.model, open_hooks(options.model, session));
  COE_TRY(const auto report, build_corpus(options.build, session.console));
  const bool has_tokens = !options.model.empty();

  auto doc = document("corpus-build");
  doc["output"] = options.build.output.string();
  doc["digest"] = report.digest;
  doc["n_record"] = report.n_record;
  doc["n_token"] = has_tokens ? Json(report.n_token) : Json(nullptr);
  doc["manifest"] = manifest_path(options.build.output).string();
  doc["domains"] = Json::array();
  std::vector<std::vector<std::string>> rows = {{"sub-domain", "weight", "records", "characters",
                                                 "duplicates left out",
                                                 "near-duplicates left out"}};
  if (has_tokens) rows.front().emplace_back("tokens");
  for (const auto& domain : report.domains) {
    Json row = {{"name", domain.name},
                {"weight", domain.weight},
                {"n_record", domain.n_record},
                {"n_char", domain.n_char},
                {"n_filtered", domain.n_filtered},
                {"n_duplicate", domain.n_duplicate},
                {"n_near_duplicate", domain.n_near_duplicate}};
    row["left_out"] = domain.left_out;
    rows.push_back({domain.name + (domain.left_out ? " (left out: too thin)" : ""),
                    fmt::format("{:g}", domain.weight), fmt::format("{}", domain.n_record),
                    fmt::format("{}", domain.n_char), fmt::format("{}", domain.n_duplicate),
                    fmt::format("{}", domain.n_near_duplicate)});
    row["n_token"] = has_tokens ? Json(domain.n_token) : Json(nullptr);
    if (has_tokens) rows.back().push_back(fmt::format("{}", domain.n_token));
    doc["domains"].push_back(std::move(row));
  }
  COE_TRY_STATUS(session.emit(doc, fmt::format("{}: {} records\n{}", options.build.output.string(),
                                               report.n_record, format_table(rows))));
  return kExitDone;
}

}  // namespace

void add_corpus(CLI::App& app, Run& run) {
  auto* corpus = app.add_subcommand("corpus", "Assemble text for profiling and evaluation");
  corpus->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto* verb = corpus->add_subcommand("build", "Assemble weighted sub-domains from a TOML spec");
  verb->add_option("spec", options->build.spec, "TOML spec (docs/formats/corpus.md)")->required();
  verb->add_option("-o,--output", options->build.output, "JSONL file to write")->required();
  verb->add_option("--root", options->build.root,
                   "Folder that the spec's relative paths start from");
  verb->add_option("-m,--model", options->model,
                   "Render chats with this model's template and count tokens with its tokenizer");
  verb->callback(
      [options, &run] { run = [options](Session& session) { return build(*options, session); }; });
  add_corpus_check(*corpus, run);
  add_corpus_generate(*corpus, run);
}

}  // namespace coe::cli
