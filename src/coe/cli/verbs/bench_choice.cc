// coe bench choice: multiple-choice questions, asked of the engine or of a server.
#include "coe/base/run_files.h"
#include "coe/cli/answerer_options.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/render/choice.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/result_rows.h"
#include "coe/cli/verbs/bench.h"
#include "coe/measure/choice/choice_run.h"
#include "coe/measure/choice/questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

struct BenchChoiceVerbOptions {
  std::vector<Path> files;
  ChoiceSetOptions set;
  AnswererOptions answerer;
  ChoiceRunOptions run;
  std::vector<std::string> systems;
  Path parent;
  std::string name;
};

// What stands before `=` is a category where a question has it.
Status read_systems(const BenchChoiceVerbOptions& options, const ChoiceSet& set,
                    ChoiceRunOptions& run) {
  for (const auto& text : options.systems) {
    const auto category = text.substr(0, text.find('='));
    const bool is_of_category =
        category.size() < text.size() &&
        std::ranges::any_of(
            set.questions,
            [&](const ChoiceQuestion& question) { return question.choice.category == category; });
    auto& system = is_of_category ? run.systems[category] : run.ask.system;
    if (!system.empty())
      return fail(Code::kInvalidArgument,
                  fmt::format("--system: two are given for {}",
                              is_of_category ? category : "all categories"));
    COE_TRY(system, system_text(is_of_category ? text.substr(category.size() + 1) : text));
  }
  return {};
}

Json rules_json(const ChoiceTally& tally) {
  Json rules = Json::object();
  for (const auto& [rule, n] : tally.n_rule) rules[rule] = n;
  return rules;
}

// Rows that say who was asked, and how.
ResultRows rows_of(const BenchChoiceVerbOptions& options, const OpenAnswerer& open,
                   const Session& session) {
  auto rows = session.result_rows("bench-choice");
  rows.set_seed(options.run.ask.sampling.seed);
  auto sampling = sampling_json(options.run.ask);
  if (!options.run.systems.empty()) sampling["systems"] = options.run.systems;
  rows.set_sampling(std::move(sampling));
  rows.set_engine(open.answerer->info().server);
  if (open.model && !options.answerer.on_server())
    rows.set_model(options.answerer.engine.model, open.model->moe.id);
  return rows;
}

Result<int> bench_choice(BenchChoiceVerbOptions options, Session& session) {
  COE_TRY_STATUS(check_ask_options(options.run.ask, options.answerer));
  options.run.restart = session.force;
  COE_TRY(const auto set, load_choices(options.files, options.set));
  COE_TRY_STATUS(read_systems(options, set, options.run));
  if (set.n_unusable > 0)
    session.console.warning(fmt::format(
        "{} records make no question: no options, and no number in the solution", set.n_unusable));
  // Before anything is asked: what is to be compared with must be there.
  std::optional<std::vector<ChoiceAnswered>> parent;
  if (!options.parent.empty()) {
    COE_TRY(parent, read_choice_run(options.parent, set, options.run));
  }
  COE_TRY(auto open, open_answerer(options.answerer, session.library, session.console));
  options.run.identity = open.identity;
  say_what_is_sent(options.run.ask, options.answerer, session);
  COE_TRY(const auto run, run_choice(*open.answerer, set, options.run, session.console));

  const auto& info = open.answerer->info();
  const auto report = choice_report(set, run.answers, parent ? &*parent : nullptr,
                                    options.name.empty() ? info.model : options.name);
  auto rows = rows_of(options, open, session);
  add_choice_rows(report, rows);
  COE_TRY_STATUS(write_file(options.run.folder / run_files::kAnswers,
                            choice_lines(set, run.answers), Overwrite::kAllow));
  COE_TRY_STATUS(rows.write(options.run.folder / run_files::kRows, Overwrite::kAllow));

  const auto& total = report.total().tally;
  auto doc = rows.document();
  doc["output"] = options.run.folder.string();
  doc["model"] = info.model;
  doc["server"] = info.server;
  doc["thinking"] = options.run.ask.thinking;
  doc["n_question"] = set.questions.size();
  doc["n_unusable"] = set.n_unusable;
  doc["n_failed"] = total.n_failed;
  doc["n_retry"] = total.n_retry;
  doc["n_token_known"] = total.n_token_known;
  doc["rules"] = rules_json(total);
  doc["n_asked"] = run.asked.n_asked;
  doc["seconds"] = run.asked.seconds;
  auto text =
      fmt::format("{} ({}): {} questions\n", report.subject, info.server, set.questions.size());
  text += choice_text(report);
  if (!total.n_token_known) text += "  tokens: some counted as streamed pieces\n";
  text += retry_words(total.n_failed);
  text += fmt::format("{}: rows.jsonl, answers.jsonl, journals\n", options.run.folder.string());
  text += next_step("bench choice", {.model = options.answerer.engine.model,
                                     .parent = options.parent,
                                     .output = options.run.folder,
                                     .text = options.files});
  COE_TRY_STATUS(session.emit(doc, text));
  return total.n_failed == 0 ? kExitDone : kExitCheckFailed;
}

void add_set_options(CLI::App& verb, BenchChoiceVerbOptions& options) {
  verb.add_option("questions", options.files,
                  "Questions: MMLU-Pro or GPQA as published, or {question, options, answer} (JSONL "
                  "or a JSON array)")
      ->required();
  verb.add_option("--make-options", options.set.n_made_option,
                  "Make questions with so many options of records with problem and solution")
      ->check(CLI::Range(2U, 26U));
  verb.add_option("--category", options.set.categories, "Only this category (repeatable)");
  verb.add_option("--off", options.set.off,
                  "Of each category only the questions i with i mod 10 = K (0 to 9)")
      ->check(CLI::Range(0U, 9U));
  verb.add_option("--max-questions", options.set.max_questions,
                  "Ask only the first so many (0: all)")
      ->capture_default_str();
  verb.add_option("--instruction", options.run.instruction, "What follows question and options")
      ->capture_default_str();
}

}  // namespace

void add_bench_choice(CLI::App& bench_verb, Run& run) {
  auto options = std::make_shared<BenchChoiceVerbOptions>();
  options->answerer.engine.n_ctx = kSpecialistContext;
  options->run.ask = specialist_defaults();
  options->run.instruction = kChoiceInstruction;
  auto* verb = bench_verb.add_subcommand(
      "choice", "Multiple-choice questions: share of right answers, loops, tokens");
  add_set_options(*verb, *options);
  verb->add_option("-o,--output", options->run.folder,
                   "Folder for rows, answers and journals; a run that was stopped goes on from it")
      ->required();
  verb->add_option("--parent", options->parent,
                   "Folder of the parent's finished run: compare question by question");
  verb->add_option("--name", options->name,
                   "What results call the model (default: its file, or its name on the server)");
  verb->add_flag("!--no-retry", options->run.retry,
                 "Do not ask again, with a fresh seed, what looped or came out empty");
  add_ask_options(*verb, options->run.ask);
  add_system_option(*verb, options->systems,
                    "; CATEGORY=TEXT or CATEGORY=FILE for one category (repeatable)");
  add_answerer_options(*verb, options->answerer);
  verb->callback([options, &run] {
    run = [options](Session& session) { return bench_choice(*options, session); };
  });
}

}  // namespace coe::cli
