// coe corpus init: a first build spec for a folder.
#include "coe/base/printable.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/table.h"
#include "coe/cli/render/taken.h"
#include "coe/cli/verbs/corpus.h"
#include "coe/corpus/intake/draft_spec.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

namespace coe::cli {

namespace {

std::string drafted_table(const SpecDraft& draft) {
  std::vector<std::vector<std::string>> rows = {{"sub-domain", "weight", "files", "characters"}};
  for (const auto& domain : draft.domains)
    rows.push_back({domain.name, fmt::format("{:g}", domain.weight), grouped(domain.n_file),
                    grouped(domain.n_char)});
  return format_table(rows);
}

Result<int> init_corpus(DraftOptions options, Session& session) {
  options.overwrite = session.overwrite();
  COE_TRY(const auto draft, draft_spec(options, session.console));
  session.taken.push_back(taken_json(draft.taken));
  session.console.note(fmt::format("text: {}", taken_text(draft.taken)));
  auto doc = document("corpus-init");
  doc["output"] = options.output.string();
  doc["needs_model"] = draft.needs_model;
  doc["domains"] = Json::array();
  for (const auto& domain : draft.domains)
    doc["domains"].push_back({{"name", domain.name},
                              {"weight", domain.weight},
                              {"n_file", domain.n_file},
                              {"n_item", domain.n_item},
                              {"n_char", domain.n_char}});
  const Path model = draft.needs_model ? Path("PARENT.gguf") : Path();
  COE_TRY_STATUS(session.emit(
      doc, fmt::format("{}: a first spec, to be edited\n{}{}", options.output.string(),
                       drafted_table(draft),
                       next_step("corpus init", {.model = model, .output = options.output}))));
  return kExitDone;
}

}  // namespace

void add_corpus_init(CLI::App& corpus, Run& run) {
  auto options = std::make_shared<DraftOptions>();
  options->output = "corpus.toml";
  auto* verb = corpus.add_subcommand(
      "init", "Look at a folder and write a first spec for `coe corpus build`, to be edited");
  verb->add_option("folder", options->folder, "Folder of text, source code, chats")->required();
  verb->add_option("-o,--output", options->output, "TOML spec to write")->capture_default_str();
  verb->callback([options, &run] {
    run = [options](Session& session) { return init_corpus(*options, session); };
  });
}

}  // namespace coe::cli
