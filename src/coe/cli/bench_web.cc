// coe bench web: 40 pages asked of a model, and tried in a browser.
#include "coe/base/hash.h"
#include "coe/base/text.h"
#include "coe/cli/answerer_options.h"
#include "coe/cli/bench.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/result_rows.h"
#include "coe/stats/interval_text.h"
#include "coe/stats/paired.h"
#include "coe/webgen/gallery.h"
#include "coe/webgen/run.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <utility>

namespace coe::cli {

namespace {

struct Options {
  AnswererOptions answerer;
  AskOptions ask;
  WebRunOptions run;
  Path suite;
  std::vector<std::string> only;
  std::uint32_t n_sample = 1;
  Path answers;
  bool check = false;
  std::uint32_t n_repeat = 1;
  std::string name;
  std::uint64_t memory_mb = 1536;
  Path folder;
};

// Beside the binary's folder, as in a build tree.
Path default_suite() {
  std::error_code ec;
  const Path folder = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path();
  return std::filesystem::weakly_canonical(folder / "../web", ec);
}

// Replies of a model, with what result rows say of it.
struct Replies {
  std::vector<WebAttempt> attempts;
  std::string name;
  std::string server;
  std::optional<ModelId> model;
  AskReport asked;
  std::uint64_t n_failed = 0;  // questions without any answer
};

std::string reply_text(const JournalEntry& entry) { return entry.answer.content; }

Result<Replies> ask_model(Options& options, const WebSuite& suite, Session& session) {
  COE_TRY_STATUS(check_ask_options(options.ask, options.answerer));
  COE_TRY(auto open, open_answerer(options.answerer, session));
  std::string questions;
  for (const auto& task : suite.tasks) questions += web_prompt(task) + "\n";
  const auto n_question = suite.tasks.size() * options.n_sample;
  COE_TRY(auto journal,
          Journal::open(options.folder / "journal.jsonl",
                        {digest_of(questions), n_question, open.identity, settings_of(options.ask)},
                        session.force));
  std::vector<std::uint64_t> numbers(n_question);
  std::iota(numbers.begin(), numbers.end(), 0);
  Replies out;
  out.name = open.answerer->info().model;
  out.server = open.answerer->info().server;
  if (open.model && !options.answerer.on_server()) out.model = open.model->moe.id;
  COE_TRY(out.asked,
          ask_all(
              *open.answerer, numbers,
              [&](std::uint64_t i) { return web_prompt(suite.tasks[i / options.n_sample]); },
              options.ask, journal, "answers", session.console));
  for (const auto i : numbers) {
    const auto& entry = journal.entries().at(i);
    if (entry.outcome == Outcome::kFailed) ++out.n_failed;
    out.attempts.push_back({i / options.n_sample, fmt::format("{}", i % options.n_sample + 1),
                            reply_text(entry), false});
  }
  return out;
}

// TASK.EXT is a reply, and so is TASK-NAME.EXT; of several for a task all are tried.
Result<Replies> read_answers(const Path& folder, const WebSuite& suite) {
  std::error_code ec;
  std::vector<Path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ec))
    if (entry.is_regular_file()) files.push_back(entry.path());
  if (ec) return fail(Code::kNotFound, fmt::format("{}: is no folder of answers", folder.string()));
  std::ranges::sort(files);
  Replies out;
  out.name = folder.filename().string();
  for (std::size_t t = 0; t < suite.tasks.size(); ++t) {
    const auto& id = suite.tasks[t].id;
    for (const auto& file : files) {
      const auto stem = file.stem().string();
      if (stem != id && !stem.starts_with(id + "-")) continue;
      COE_TRY(auto text, read_text(file));
      const auto name = stem == id ? std::string("1") : stem.substr(id.size() + 1);
      const auto extension = file.extension().string();
      const bool is_source = extension == fmt::format(".{}", format_name(suite.tasks[t].format));
      out.attempts.push_back({t, name, std::move(text), is_source});
    }
  }
  if (out.attempts.empty())
    return fail(Code::kNotFound, fmt::format("{}: holds no answer to any task", folder.string()),
                "name them TASK.md (a reply), or TASK.html, .jsx, .vue, .svelte (the file)");
  return out;
}

WebRunOptions run_options(const Options& options, const Session& session) {
  auto run = options.run;
  run.browser.memory_limit = options.memory_mb << 20U;
  run.restart = session.force;
  if (!options.folder.empty()) {
    run.pictures = options.folder / "pictures";
    run.journal = options.folder / "outcomes.jsonl";
  }
  return run;
}

std::string table_text(const WebSuite& suite, std::span<const WebOutcome> outcomes) {
  std::vector<std::vector<std::string>> table = {{"category", "passed", "share [95 %]"}};
  const auto add = [&](std::string_view title, const WebCount& count) {
    table.push_back({std::string(title), fmt::format("{}/{}", count.n_passed, count.n),
                     interval_text(wilson_interval(count.n_passed, count.n), percent(0), "%")});
  };
  for (const auto category : kWebCategories)
    if (const auto count = count_web(suite, outcomes, category); count.n > 0)
      add(category_title(category), count);
  add("all", count_web(suite, outcomes, ""));
  return format_table(table);
}

Json fault_json(const WebOutcome& outcome) {
  if (outcome.passed()) return nullptr;
  return {{"kind", fault_name(outcome.fault->kind)},
          {"reason", outcome.fault->reason},
          {"step", outcome.fault->step}};
}

void add_rows(const WebSuite& suite, const std::string& subject,
              std::span<const WebOutcome> outcomes, ResultRows& rows) {
  const auto add_share = [&](std::string_view category) {
    const auto count = count_web(suite, outcomes, category);
    if (count.n == 0) return;
    const auto share = wilson_interval(count.n_passed, count.n);
    rows.add({{"metric", "passed"},
              {"subject", subject},
              {"domain", category.empty() ? Json(nullptr) : Json(category)},
              {"n", count.n},
              {"n_passed", count.n_passed},
              {"value", share.value},
              {"ci_low", share.lower},
              {"ci_high", share.upper}});
  };
  for (const auto category : kWebCategories) add_share(category);
  add_share("");
  for (const auto& outcome : outcomes)
    rows.add({{"metric", "task_passed"},
              {"subject", subject},
              {"domain", suite.tasks[outcome.task].category},
              {"task", suite.tasks[outcome.task].id},
              {"answer", outcome.name},
              {"fault", fault_json(outcome)},
              {"seconds", outcome.seconds},
              {"n", 1},
              {"value", outcome.passed() ? 1 : 0}});
}

std::string failures_text(const WebSuite& suite, std::span<const WebOutcome> outcomes) {
  std::string out;
  for (const auto& outcome : outcomes) {
    if (outcome.passed()) continue;
    const auto step = outcome.fault->step > 0 ? fmt::format(" (step {})", outcome.fault->step) : "";
    out += fmt::format("  {} {}: {}: {}{}\n", suite.tasks[outcome.task].id, outcome.name,
                       fault_name(outcome.fault->kind), outcome.fault->reason, step);
  }
  return out.empty() ? out : "\nWhat failed:\n" + out;
}

std::uint64_t peak_memory(std::span<const WebOutcome> outcomes) {
  std::uint64_t peak = 0;
  for (const auto& outcome : outcomes) peak = std::max(peak, outcome.peak_memory);
  return peak;
}

Result<int> bench(Options options, Session& session) {
  if (options.folder.empty())
    return fail(Code::kInvalidArgument, "-o: no folder for rows, pictures and gallery is given");
  COE_TRY(const auto suite, load_web_suite(options.suite, options.only));
  COE_TRY_STATUS(make_folder(options.folder));
  Replies replies;
  if (!options.answers.empty()) {
    COE_TRY(replies, read_answers(options.answers, suite));
  } else {
    COE_TRY(replies, ask_model(options, suite, session));
  }
  if (!options.name.empty()) replies.name = options.name;
  const auto start = std::chrono::steady_clock::now();
  COE_TRY(const auto outcomes,
          try_all(suite, replies.attempts, run_options(options, session), session.console));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;

  ResultRows rows("bench-web", session);
  if (options.answers.empty()) rows.set_seed(options.ask.sampling.seed);
  if (!replies.server.empty()) rows.set_engine(replies.server);
  if (replies.model) rows.set_model(options.answerer.engine.model, *replies.model);
  add_rows(suite, replies.name, outcomes, rows);
  COE_TRY_STATUS(rows.write(options.folder / "rows.jsonl", Overwrite::kAllow));
  COE_TRY_STATUS(
      write_file(options.folder / "index.html",
                 web_gallery(suite, {replies.name, "pictures", replies.attempts, outcomes}),
                 Overwrite::kAllow));
  const auto total = count_web(suite, outcomes, "");
  auto doc = rows.document();
  doc["output"] = options.folder.string();
  doc["suite_digest"] = suite.digest;
  doc["n"] = total.n;
  doc["n_passed"] = total.n_passed;
  doc["n_failed"] = replies.n_failed;
  doc["seconds"] = seconds.count();
  doc["peak_memory"] = peak_memory(outcomes);
  auto text = fmt::format("{}: {} of {} pass\n\n", replies.name, total.n_passed, total.n);
  text += table_text(suite, outcomes);
  text += failures_text(suite, outcomes);
  text +=
      fmt::format("\n{}: index.html (gallery), rows.jsonl, pictures\n", options.folder.string());
  COE_TRY_STATUS(session.emit(doc, text));
  return replies.n_failed == 0 ? kExitDone : kExitCheckFailed;
}

// The suite itself: references pass, mutants fail as they should.
Result<int> check(const Options& options, Session& session) {
  COE_TRY(const auto suite, load_web_suite(options.suite, options.only));
  if (!options.folder.empty()) COE_TRY_STATUS(make_folder(options.folder));
  std::vector<WebAttempt> attempts;
  std::vector<const WebMutant*> mutants;  // null: the reference
  for (std::size_t t = 0; t < suite.tasks.size(); ++t) {
    for (std::uint32_t i = 0; i < options.n_repeat; ++i) {
      attempts.push_back({t, i == 0 ? "reference" : fmt::format("reference-{}", i + 1),
                          suite.tasks[t].reference, true});
      mutants.push_back(nullptr);
    }
    for (const auto& mutant : suite.tasks[t].mutants) {
      attempts.push_back({t, mutant.name, mutant.source, true});
      mutants.push_back(&mutant);
    }
  }
  auto run = run_options(options, session);
  COE_TRY(const auto outcomes, try_all(suite, attempts, run, session.console));
  auto doc = document("bench-web-check");
  doc["attempts"] = Json::array();
  std::vector<std::vector<std::string>> table = {{"task", "references", "mutants"}};
  std::string wrong;
  std::size_t n_wrong = 0;
  for (std::size_t t = 0; t < suite.tasks.size(); ++t) {
    WebCount references;
    WebCount caught;
    for (std::size_t i = 0; i < attempts.size(); ++i) {
      if (attempts[i].task != t) continue;
      const auto& outcome = outcomes[i];
      const auto* mutant = mutants[i];
      const bool right =
          mutant == nullptr
              ? outcome.passed()
              : outcome.fault && outcome.fault->kind == mutant->kind &&
                    lower_ascii(outcome.fault->reason).find(lower_ascii(mutant->about)) !=
                        std::string::npos;
      auto& count = mutant == nullptr ? references : caught;
      ++count.n;
      if (right) ++count.n_passed;
      doc["attempts"].push_back({{"task", suite.tasks[t].id},
                                 {"name", attempts[i].name},
                                 {"mutant", mutant != nullptr},
                                 {"as_expected", right},
                                 {"fault", fault_json(outcome)},
                                 {"seconds", outcome.seconds}});
      if (right) continue;
      ++n_wrong;
      wrong += fmt::format(
          "  {} {}: {}{}\n", suite.tasks[t].id, attempts[i].name,
          outcome.passed() ? "passes"
                           : fmt::format("{}: {} (step {})", fault_name(outcome.fault->kind),
                                         outcome.fault->reason, outcome.fault->step),
          mutant == nullptr
              ? ""
              : fmt::format("; expected {}: {}", fault_name(mutant->kind), mutant->about));
    }
    table.push_back({suite.tasks[t].id, fmt::format("{}/{}", references.n_passed, references.n),
                     fmt::format("{}/{}", caught.n_passed, caught.n)});
  }
  doc["n"] = attempts.size();
  doc["n_wrong"] = n_wrong;
  doc["peak_memory"] = peak_memory(outcomes);
  if (!options.folder.empty())
    COE_TRY_STATUS(
        write_file(options.folder / "index.html",
                   web_gallery(suite, {"references and mutants", "pictures", attempts, outcomes}),
                   Overwrite::kAllow));
  auto text = format_table(table);
  text += n_wrong == 0
              ? fmt::format("All {} as they should be\n", attempts.size())
              : fmt::format("{} of {} not as they should be:\n{}", n_wrong, attempts.size(), wrong);
  COE_TRY_STATUS(session.emit(doc, text));
  return n_wrong == 0 ? kExitDone : kExitCheckFailed;
}

}  // namespace

void add_bench_web(CLI::App& bench_verb, Run& run) {
  auto options = std::make_shared<Options>();
  options->answerer.engine.n_ctx = 16384;
  options->ask.max_new_tokens = 12288;
  options->ask.sampling.temperature = 0.6F;
  auto* verb = bench_verb.add_subcommand(
      "web", "40 web pages asked of a model and tried in a browser: what passes, and a gallery");
  verb->add_option(
      "-o,--output", options->folder,
      "Folder for rows, gallery, screenshots and journals; a run that was stopped goes "
      "on from it");
  verb->add_option("-n,--samples", options->n_sample, "Answers to each task")
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
  verb->add_option("--repeat", options->n_repeat, "With --check: try each reference so often")
      ->check(CLI::Range(1U, 10000U))
      ->needs(checks)
      ->capture_default_str();
  verb->add_option("--suite", options->suite,
                   "Folder of tasks and toolchain (default: web beside the binary's folder)");
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
  add_ask_options(*verb, options->ask);
  add_answerer_options(*verb, options->answerer);
  verb->callback([options, &run] {
    run = [options](Session& session) {
      if (options->suite.empty()) options->suite = default_suite();
      return options->check ? check(*options, session) : bench(*options, session);
    };
  });
}

}  // namespace coe::cli
