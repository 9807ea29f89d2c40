#include "coe/cli/run.h"

#include "coe/base/inputs.h"
#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/process/isolated.h"
#include "coe/base/text.h"
#include "coe/cli/command_line.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/session.h"
#include "coe/model/store/places.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace coe::cli {

namespace {

void report_error(const Session& session, const Error& error) {
  print_error(error);
  if (!session.json) return;
  auto doc = document("error");
  doc["error"] = {{"code", code_name(error.code)},
                  {"message", shortened(error.message)},
                  {"hint", shortened(error.hint)},
                  {"exit_code", exit_code(error.code)}};
  // The process ends with the error's own code, whether or not anyone can read this.
  (void)print(json_text(doc, 2) + "\n");
}

// Says what was wrong with the arguments, and the verb or flag that was probably meant.
void report_usage(const CLI::App& app, const CLI::ParseError& problem,
                  const std::vector<std::string>& words) {
  const CLI::App* level = &app;
  std::string verb = "coe";
  std::string message = problem.what();
  std::string unknown;
  std::vector<std::string> known;
  for (const auto& word : words) {
    known.clear();
    for (const auto* sub : level->get_subcommands({})) known.push_back(sub->get_name());
    for (const auto* option : level->get_options()) {
      for (const auto& name : option->get_lnames()) known.push_back("--" + name);
    }
    const bool is_verb = !level->get_subcommands({}).empty() && !word.starts_with("-");
    if (is_verb) {
      const auto subs =
          level->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == word; });
      if (subs.empty()) {
        unknown = word;
        message = fmt::format("unknown verb `{}`", word);
        break;
      }
      level = subs.front();
      verb += " " + level->get_name();
    } else if (word.starts_with("--") && std::find(known.begin(), known.end(),
                                                   word.substr(0, word.find('='))) == known.end()) {
      unknown = word;
      message = fmt::format("unknown option `{}`", word);
      break;
    }
  }
  const auto near = unknown.empty() ? std::string_view() : closest_match(unknown, known);
  print_error({Code::kInvalidArgument, message,
               near.empty() ? fmt::format("run `{} --help`", verb)
                            : fmt::format("did you mean `{}`?", near)});
}

// Returns the verb that was called, `bench memory` as `memory`.
const CLI::App& called_verb(const CLI::App& app) {
  const auto called = app.get_subcommands();
  return called.empty() ? app : called_verb(*called.front());
}

// Protects the files that the verb's options name, but for outputs. Weights and caps may follow a
// name: "a.profile.gguf:0.5".
void protect_inputs(const CLI::App& verb) {
  static constexpr std::array<std::string_view, 3> kOutputs = {"output", "svg", "save-text"};
  for (const auto* option : verb.get_options()) {
    const auto& names = option->get_lnames();
    if (std::ranges::any_of(kOutputs, [&](std::string_view output) {
          return std::ranges::find(names, output) != names.end();
        }))
      continue;
    for (const auto& value : option->results())
      for (auto end = value.size(); end != std::string::npos && end > 0;
           end = value.find_last_of(":=", end - 1))
        protect_input(value.substr(0, end), option->get_name());
  }
}

// Says so where layers are wanted on a GPU that is not there. The devices are asked for in a
// process of their own, as an open GPU would not survive the forks of later work.
void warn_of_missing_gpu(const CLI::App& app, const EngineLibrary& library, Observer& observer) {
  const auto& verb = called_verb(app);
  const auto* layers = verb.get_option_no_throw(std::string(kGpuLayers));
  if (layers == nullptr || layers->count() == 0 || layers->as<int>() == 0) return;
  const auto* servers = verb.get_option_no_throw("--rpc");
  if (servers != nullptr && servers->count() > 0) return;
  const auto found = run_isolated([&]() -> Result<std::string> {
    return std::string(library.devices().empty() ? "" : "some");
  });
  if (found && found->empty())
    observer.warning(
        "-ngl: there is no GPU that this coe can use, all layers are on the CPU (a build for CUDA "
        "is configured with -DGGML_CUDA=ON)");
}

// Help or version, which a full disk may have no room for.
int print_help(const CLI::App& app, const CLI::ParseError& wanted, const Session& session) {
  std::ostringstream text;
  app.exit(wanted, text, text);
  const auto status = print(text.str());
  if (!status) report_error(session, status.error());
  return status ? kExitDone : exit_code(status.error().code);
}

}  // namespace

int run_cli(int argc, char** argv, const EngineLibrary& library, Ranks& ranks) {
  install_interrupt_handler();
  Session session(ranks, library);
  for (int i = 0; i < argc; ++i) session.command_line += (i > 0 ? " " : "") + std::string(argv[i]);

  set_colors(Colors::kAuto);  // until the arguments are read
  Run run;
  const auto command = command_line(session, run);
  auto& app = *command;
  const auto around = Surroundings::of_process();
  std::optional<Error> unresolved;
  resolve_models(app, around, unresolved);

  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) arguments.push_back(long_name(argv[i]));
  const std::vector<std::string> words(arguments.rbegin(), arguments.rend());
  try {
    app.parse(arguments);  // empties them
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return print_help(app, e, session);
    if (ranks.is_first()) report_usage(app, e, words);
    return kExitUsage;
  }
  if (ranks.size() > 1 && !app.got_subcommand("profile")) {
    if (ranks.is_first())
      print_stderr("error: only `coe profile` shares its work among MPI ranks\n");
    return kExitUsage;
  }
  set_colors(session.colors == "always"  ? Colors::kAlways
             : session.colors == "never" ? Colors::kNever
                                         : Colors::kAuto);
  if (unresolved) {
    if (ranks.is_first()) report_error(session, *unresolved);
    return exit_code(unresolved->code);
  }
  session.console.configure(session.quiet || !ranks.is_first(), session.verbose);
  if (session.verbose)
    library.set_log([](std::string_view line) { print_stderr(fmt::format("engine: {}\n", line)); });
  library.watch_loading(&session.console);
  protect_inputs(called_verb(app));
  // Under MPI it is not safe to fork.
  if (ranks.size() == 1) warn_of_missing_gpu(app, library, session.console);
  const auto result = run(session);
  library.watch_loading(nullptr);
  session.console.clear();
  if (result) return *result;
  const auto error = ranks.conclude(result.error());
  if (ranks.is_first()) report_error(session, error);
  return exit_code(error.code);
}

}  // namespace coe::cli
