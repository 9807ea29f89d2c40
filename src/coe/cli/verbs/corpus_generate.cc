// coe corpus generate: a model answers questions; its answers and its thinking become corpora.
#include "coe/ask/generate/generate.h"
#include "coe/cli/answerer_options.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/generate.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/session.h"
#include "coe/cli/verbs/corpus.h"
#include "coe/engine/prompt.h"

#include <memory>

namespace coe::cli {

namespace {

struct CorpusGenerateVerbOptions {
  CorpusOptions questions;
  AnswererOptions answerer;
  GenerateCorpusOptions generate;
  std::vector<std::string> keep;
};

// Answers are told by the engine's template where there is one.
Status set_rendering(OpenAnswerer& open, GenerateCorpusOptions& options) {
  if (!open.engine) return {};
  COE_TRY(auto markup, open.engine->chat_markup());
  options.render = [engine = open.engine.get(), markup = std::move(markup)](
                       const std::string& problem, const std::string& solution) {
    return render_exchange(*engine, markup, problem, solution);
  };
  return {};
}

Result<int> generate(CorpusGenerateVerbOptions options, Session& session) {
  auto& generation = options.generate;
  generation.restart = session.force;
  for (const auto& kind : options.keep)
    (kind == "cut" ? generation.keep_cut : generation.keep_loops) = true;
  COE_TRY_STATUS(check_ask_options(generation.ask, options.answerer));
  COE_TRY(const auto questions, load_corpus(options.questions, {}, session, "questions"));
  COE_TRY(auto open, open_answerer(options.answerer, session.library, session.console));
  generation.identity = open.identity;
  say_what_is_sent(generation.ask, options.answerer, session);
  COE_TRY_STATUS(set_rendering(open, generation));
  COE_TRY(const auto report,
          generate_corpus(*open.answerer, questions, generation, session.console));
  COE_TRY_STATUS(session.emit(
      generate_json(report, generation, open.answerer->info()),
      generate_text(report, generation) + retry_words(report.n_failed + report.n_filtered) +
          next_step("corpus generate",
                    {.model = options.answerer.engine.model, .output = generation.folder})));
  return report.n_failed == 0 ? kExitDone : kExitCheckFailed;
}

}  // namespace

void add_corpus_generate(CLI::App& corpus, Run& run) {
  auto options = std::make_shared<CorpusGenerateVerbOptions>();
  options->answerer.engine.n_ctx = 4096;
  options->questions.text_spec = "question";
  options->questions.only_records = true;
  auto* verb = corpus.add_subcommand(
      "generate", "Let a model answer questions: its answers and its thinking become corpora");
  verb->add_option("questions", options->questions.files, "JSONL, one question a line")->required();
  verb->add_option("--text", options->questions.text_spec,
                   "How a record becomes a question: a field, fields joined by +, or a template "
                   "with {field}")
      ->capture_default_str();
  verb->add_option("--domain", options->questions.domains,
                   "Only this sub-domain of the questions (repeatable)");
  verb->add_option("-o,--output", options->generate.folder,
                   "Folder for answers.jsonl, thinking.jsonl, left_out.jsonl and failed.jsonl; a "
                   "run that was stopped goes on from its journal.jsonl")
      ->required();
  add_ask_options(*verb, options->generate.ask);
  verb->add_option("--keep", options->keep,
                   "Also take such answers into the corpora, marked: cut, loop (repeatable)")
      ->check(CLI::IsMember({"cut", "loop"}));
  add_answerer_options(*verb, options->answerer);
  verb->callback([options, &run] {
    run = [options](Session& session) { return generate(*options, session); };
  });
}

}  // namespace coe::cli
