// coe corpus build: assembles a corpus from a TOML spec.
#include "coe/base/text.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/session.h"
#include "coe/corpus/build.h"

namespace coe::cli {

namespace {

struct Options {
  CorpusBuildOptions build;
  Path model;
};

// Tokens of each sub-domain of the file just written, as `model` counts them.
Result<std::map<std::string, std::uint64_t>> count_tokens(const Options& options) {
  EngineOptions engine_options;
  engine_options.model = options.model;
  COE_TRY(const auto engine, open_engine(engine_options));
  COE_TRY(const auto spec, TextSpec::parse("text"));
  const std::vector<Path> files = {options.build.output};
  COE_TRY(const auto corpus, coe::load_corpus(files, spec));
  std::map<std::string, std::uint64_t> counts;
  for (const auto& domain : corpus.domains) {
    for (const auto& record : domain.records) {
      COE_TRY(const auto tokens, engine->tokenize(record.text));
      counts[domain.name] += tokens.size();
    }
  }
  return counts;
}

Result<int> build(Options options, Session& session) {
  options.build.overwrite = session.overwrite();
  if (!options.model.empty()) COE_TRY_STATUS(open_model(options.model, session).map([](auto&&) {}));
  COE_TRY(const auto report, build_corpus(options.build, session.console));
  std::map<std::string, std::uint64_t> tokens;
  if (!options.model.empty()) {
    COE_TRY(tokens, count_tokens(options));
  }
  std::uint64_t n_token = 0;
  for (const auto& [name, count] : tokens) n_token += count;

  auto doc = document("corpus-build");
  doc["output"] = options.build.output.string();
  doc["digest"] = report.digest;
  doc["n_record"] = report.n_record;
  doc["n_token"] = options.model.empty() ? Json(nullptr) : Json(n_token);
  doc["domains"] = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"sub-domain", "weight", "records", "characters", "duplicates left out"}};
  if (!options.model.empty()) rows.front().emplace_back("tokens");
  for (const auto& domain : report.domains) {
    Json row = {{"name", domain.name},
                {"weight", domain.weight},
                {"n_record", domain.n_record},
                {"n_char", domain.n_char},
                {"n_duplicate", domain.n_duplicate}};
    row["left_out"] = domain.left_out;
    rows.push_back({domain.name + (domain.left_out ? " (left out: too thin)" : ""),
                    fmt::format("{:g}", domain.weight), fmt::format("{}", domain.n_record),
                    fmt::format("{}", domain.n_char), fmt::format("{}", domain.n_duplicate)});
    if (!options.model.empty()) {
      row["n_token"] = tokens[domain.name];
      rows.back().push_back(fmt::format("{}", tokens[domain.name]));
    }
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
  verb->add_option("-m,--model", options->model, "Count tokens with this model");
  verb->callback(
      [options, &run] { run = [options](Session& session) { return build(*options, session); }; });
}

}  // namespace coe::cli
