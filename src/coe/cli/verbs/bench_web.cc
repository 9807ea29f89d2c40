// coe bench web: 40 pages asked of a model, and tried in a browser.
#include "coe/base/run_files.h"
#include "coe/cli/answerer_options.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/web.h"
#include "coe/cli/verbs/bench.h"
#include "coe/measure/webgen/answers.h"
#include "coe/measure/webgen/gallery.h"
#include "coe/measure/webgen/run.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

namespace coe::cli {

namespace {

struct BenchWebVerbOptions {
  AnswererOptions answerer;
  WebAskOptions questions;
  WebRunOptions run;
  Path suite;
  std::vector<std::string> only;
  Path answers;
  bool check = false;
  bool list = false;
  std::uint32_t n_repeat = 1;
  std::string name;
  std::uint64_t memory_mb = 1536;
  Path folder;
  std::vector<std::string> systems;
};

// Where an installation keeps it, or where a build tree has it, both seen from the binary.
Path default_suite() {
  std::error_code ec;
  const Path folder = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path();
  auto installed = std::filesystem::weakly_canonical(folder / "../share/coe/web", ec);
  if (std::filesystem::is_directory(installed, ec)) return installed;
  return std::filesystem::weakly_canonical(folder / "../web", ec);
}

// A model's answers, with what result rows say of it.
struct Replies {
  WebAnswers answers;
  std::string name;
  std::string server;
  std::optional<ModelId> model;
};

Result<Replies> ask_model(const BenchWebVerbOptions& options, const WebSuite& suite,
                          Session& session) {
  COE_TRY_STATUS(check_ask_options(options.questions.ask, options.answerer));
  COE_TRY(auto open, open_answerer(options.answerer, session.library, session.console));
  say_what_is_sent(options.questions.ask, options.answerer, session);
  auto questions = options.questions;
  questions.identity = open.identity;
  questions.journal = options.folder / run_files::kJournal;
  questions.restart = session.force;
  Replies out;
  out.name = open.answerer->info().model;
  out.server = open.answerer->info().server;
  if (open.model && !options.answerer.on_server()) out.model = open.model->moe.id;
  COE_TRY(out.answers, ask_web_suite(*open.answerer, suite, questions, session.console));
  return out;
}

WebRunOptions run_options(const BenchWebVerbOptions& options, const Session& session) {
  auto run = options.run;
  run.browser.memory_limit = options.memory_mb << 20U;
  run.restart = session.force;
  if (!options.folder.empty()) {
    run.pictures = options.folder / run_files::kPictures;
    run.journal = options.folder / run_files::kOutcomes;
  }
  return run;
}

Result<int> bench_web(BenchWebVerbOptions options, Session& session) {
  if (options.folder.empty())
    return fail(Code::kInvalidArgument, "-o: no folder for rows, pictures and gallery is given");
  if (!options.systems.empty()) {
    COE_TRY(options.questions.ask.system, system_text(options.systems.front()));
  }
  COE_TRY(const auto suite, load_web_suite(options.suite, options.only));
  COE_TRY_STATUS(make_folder(options.folder));
  Replies replies;
  if (!options.answers.empty()) {
    replies.name = options.answers.filename().string();
    COE_TRY(replies.answers, read_web_answers(options.answers, suite));
  } else {
    COE_TRY(replies, ask_model(options, suite, session));
  }
  if (!options.name.empty()) replies.name = options.name;
  const auto& attempts = replies.answers.attempts;
  const auto start = std::chrono::steady_clock::now();
  COE_TRY(const auto outcomes,
          try_all(suite, attempts, run_options(options, session), session.console));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;

  auto rows = session.result_rows("bench-web");
  if (options.answers.empty()) {
    rows.set_seed(options.questions.ask.sampling.seed);
    rows.set_sampling(sampling_json(options.questions.ask));
  }
  if (!replies.server.empty()) rows.set_engine(replies.server);
  if (replies.model) rows.set_model(options.answerer.engine.model, *replies.model);
  add_web_rows(suite, replies.name, outcomes, rows);
  COE_TRY_STATUS(rows.write(options.folder / run_files::kRows, Overwrite::kAllow));
  COE_TRY_STATUS(
      write_file(options.folder / run_files::kGallery,
                 web_gallery(suite, {replies.name, run_files::kPictures, attempts, outcomes}),
                 Overwrite::kAllow));
  const auto total = count_web(suite, outcomes, "");
  auto doc = rows.document();
  doc["output"] = options.folder.string();
  doc["suite_digest"] = suite.digest;
  doc["n"] = total.n;
  doc["n_passed"] = total.n_passed;
  doc["n_failed"] = replies.answers.n_failed;
  doc["seconds"] = seconds.count();
  doc["peak_memory"] = peak_memory(outcomes);
  const auto text = fmt::format(
      "{}: {} of {} pass\n\n{}\n{}{}: index.html (gallery), rows.jsonl, pictures\n{}", replies.name,
      total.n_passed, total.n, web_text(suite, outcomes), retry_words(replies.answers.n_failed),
      options.folder.string(), next_step("bench web", {.output = options.folder}));
  COE_TRY_STATUS(session.emit(doc, text));
  return replies.answers.n_failed == 0 ? kExitDone : kExitCheckFailed;
}

// The suite itself: references pass, mutants fail as they should.
Result<int> check_suite(const BenchWebVerbOptions& options, Session& session) {
  COE_TRY(const auto suite, load_web_suite(options.suite, options.only));
  if (!options.folder.empty()) COE_TRY_STATUS(make_folder(options.folder));
  const auto tried = suite_attempts(suite, options.n_repeat);
  COE_TRY(const auto outcomes,
          try_all(suite, tried.attempts, run_options(options, session), session.console));
  const auto found = suite_check_output(suite, tried, outcomes);
  auto doc = document("bench-web-check");
  doc["attempts"] = found.attempts;
  doc["n"] = outcomes.size();
  doc["n_wrong"] = found.n_wrong;
  doc["peak_memory"] = peak_memory(outcomes);
  if (!options.folder.empty())
    COE_TRY_STATUS(
        write_file(options.folder / run_files::kGallery,
                   web_gallery(suite, {"references and mutants", run_files::kPictures,
                                       tried.attempts, outcomes, as_expected(tried, outcomes)}),
                   Overwrite::kAllow));
  COE_TRY_STATUS(session.emit(doc, found.text));
  return found.n_wrong == 0 ? kExitDone : kExitCheckFailed;
}

Result<int> list_tasks(const BenchWebVerbOptions& options, Session& session) {
  COE_TRY(const auto suite, load_web_suite(options.suite, options.only));
  COE_TRY_STATUS(session.emit(
      web_list_json(suite),
      fmt::format("{}\n{} task{}; --task NAME tries one, --task CATEGORY all of a category\n",
                  web_list_text(suite), suite.tasks.size(), suite.tasks.size() == 1 ? "" : "s")));
  return kExitDone;
}

}  // namespace

void add_bench_web(CLI::App& bench_verb, Run& run) {
  auto options = std::make_shared<BenchWebVerbOptions>();
  options->answerer.engine.n_ctx = kSpecialistContext;
  options->questions.ask = specialist_defaults();
  auto* verb = bench_verb.add_subcommand(
      "web", "40 web pages asked of a model and tried in a browser: what passes, and a gallery");
  verb->add_option(
      "-o,--output", options->folder,
      "Folder for rows, gallery, screenshots and journals; a run that was stopped goes "
      "on from it");
  verb->add_option("-n,--samples", options->questions.n_sample, "Answers to each task")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  verb->add_option("--task", options->only, "Only this task or category (repeatable)");
  verb->add_option("--name", options->name,
                   "What results call the model (default: its file, or its name on the server)");
  auto* answers = verb->add_option(
      "--answers", options->answers,
      "Try the answers in this folder instead of asking: TASK.md, or TASK.html, .jsx, …");
  auto* checks = verb->add_flag("--check", options->check,
                                "Try the suite's own references and mutants; exit 1 unless each "
                                "does as it should");
  checks->excludes(answers);
  verb->add_flag("--list", options->list,
                 "List the tasks, each with what it asks for and the actions that try it; needs "
                 "neither a model nor a browser")
      ->excludes(answers)
      ->excludes(checks)
      ->excludes(verb->get_option("--output"));
  verb->add_option("--repeat", options->n_repeat, "With --check: try each reference so often")
      ->check(CLI::Range(1U, 10000U))
      ->needs(checks)
      ->capture_default_str();
  verb->add_option("--suite", options->suite,
                   "Folder of tasks and toolchain (default: the installed one, or the source's)");
  verb->add_option("--browser", options->run.browser.program,
                   "Chromium (default: the one in PATH)");
  verb->add_option("--browsers", options->run.n_parallel, "Browsers at a time (0: all cores)")
      ->check(CLI::Range(0U, 256U))
      ->capture_default_str();
  verb->add_option("--memory-limit", options->memory_mb, "MB that a page may take")
      ->check(CLI::Range(256U, 1U << 20))
      ->capture_default_str();
  verb->add_flag("!--no-sandbox", options->run.browser.sandbox,
                 "Try answers without bubblewrap around the browser: they can reach the network");
  add_ask_options(*verb, options->questions.ask);
  add_system_option(*verb, options->systems, "");
  verb->get_option("--system")->expected(1);
  add_answerer_options(*verb, options->answerer);
  verb->callback([options, &run] {
    run = [options](Session& session) {
      if (options->suite.empty()) options->suite = default_suite();
      if (options->list) return list_tasks(*options, session);
      return options->check ? check_suite(*options, session) : bench_web(*options, session);
    };
  });
}

}  // namespace coe::cli
