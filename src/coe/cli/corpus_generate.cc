// coe corpus generate: a model answers questions; its answers and its thinking become corpora.
#include "coe/cli/answerer_options.h"
#include "coe/cli/corpus.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/session.h"
#include "coe/engine/prompt.h"
#include "coe/generate/generate.h"

namespace coe::cli {

namespace {

struct Options {
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

double tokens_per_second(const GenerateCorpusReport& report) {
  return report.seconds > 0.0 ? static_cast<double>(report.n_token_asked) / report.seconds : 0.0;
}

Json document_of(const GenerateCorpusReport& report, const Options& options,
                 const AnswererInfo& info) {
  auto doc = document("corpus-generate");
  doc["output"] = options.generate.folder.string();
  doc["model"] = info.model;
  doc["server"] = info.server;
  doc["thinking"] = options.generate.ask.thinking;
  doc["seed"] = options.generate.ask.sampling.seed;
  doc["n_question"] = report.n_question;
  doc["n_done"] = report.n_done;
  doc["n_failed"] = report.n_failed;
  doc["n_loop"] = report.n_loop;
  doc["n_empty"] = report.n_empty;
  doc["n_cut"] = report.n_cut;
  doc["n_answer_record"] = report.n_answer;
  doc["n_thinking_record"] = report.n_thinking;
  doc["n_token"] = report.n_token;
  doc["n_token_prompt"] = report.n_token_prompt;
  doc["n_token_known"] = report.n_token_known;
  doc["n_asked"] = report.n_asked;
  doc["seconds"] = report.seconds;
  doc["tokens_per_s"] = report.n_asked > 0 ? Json(tokens_per_second(report)) : Json(nullptr);
  return doc;
}

std::string text_of(const GenerateCorpusReport& report, const Options& options) {
  auto text = fmt::format(
      "{}: {} of {} questions answered (loops: {}, cut off: {}, empty: {}, failed: {})\n",
      options.generate.folder.string(), report.n_done, report.n_question, report.n_loop,
      report.n_cut, report.n_empty, report.n_failed);
  text += fmt::format("  answers.jsonl   {} records\n  thinking.jsonl  {} records\n",
                      report.n_answer, report.n_thinking);
  if (report.n_asked > 0)
    text += fmt::format("  {} tokens{} in {:.1f} s, {:.0f} tokens/s\n", report.n_token_asked,
                        report.n_token_known ? "" : " (some counted as pieces)", report.seconds,
                        tokens_per_second(report));
  else
    text += "  nothing was left to ask\n";
  return text;
}

Result<int> generate(Options options, Session& session) {
  auto& generation = options.generate;
  generation.restart = session.force;
  for (const auto& kind : options.keep)
    (kind == "cut" ? generation.keep_cut : generation.keep_loops) = true;
  COE_TRY_STATUS(check_ask_options(generation.ask, options.answerer));
  COE_TRY(const auto questions, load_corpus(options.questions));
  COE_TRY(auto open, open_answerer(options.answerer, session));
  generation.identity = open.identity;
  COE_TRY_STATUS(set_rendering(open, generation));
  COE_TRY(const auto report,
          generate_corpus(*open.answerer, questions, generation, session.console));
  COE_TRY_STATUS(
      session.emit(document_of(report, options, open.answerer->info()), text_of(report, options)));
  return report.n_failed == 0 ? kExitDone : kExitCheckFailed;
}

}  // namespace

void add_corpus_generate(CLI::App& corpus, Run& run) {
  auto options = std::make_shared<Options>();
  options->answerer.engine.n_ctx = 4096;
  options->questions.text_spec = "question";
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
