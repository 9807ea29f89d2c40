#include "coe/cli/command_line.h"

#include "coe/base/text.h"
#include "coe/cli/options.h"
#include "coe/cli/render/command_text.h"
#include "coe/cli/verbs/verbs.h"

#include <fmt/format.h>

#include <map>
#include <string>

namespace coe::cli {

namespace {

// -h lists verbs in the order of the main job.
void add_verbs(CLI::App& app, Run& run) {
  add_specialize(app, run);
  add_models(app, run);
  add_inspect(app, run);
  add_corpus(app, run);
  add_profile(app, run);
  add_merge(app, run);
  add_recon(app, run);
  add_mask(app, run);
  add_compare(app, run);
  add_prune(app, run);
  add_heal(app, run);
  add_verify(app, run);
  add_eval(app, run);
  add_bench(app, run);
  add_report(app, run);
  add_package(app, run);
  add_dispatcher(app, run);
  add_chat(app, run);
  add_serve(app, run);
  add_doctor(app, run);
  add_help(app, run);
  add_completion(app, run);
  add_reference(app, run);
}

void add_common_flags(CLI::App& verb, Session& session) {
  const OptionTitle title(verb, "Output");
  verb.add_flag("--json", session.json, "Print one JSON document on stdout");
  verb.add_flag("-q,--quiet", session.quiet, "Print nothing but errors (and --json)");
  verb.add_flag("-v,--verbose", session.verbose, "Show the engine's log");
  verb.add_flag("--force", session.force, "Overwrite outputs that exist");
  verb.add_option("--color", session.colors, "Colours of messages: auto, always, never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  for (auto* nested : verb.get_subcommands({})) add_common_flags(*nested, session);
}

}  // namespace

std::unique_ptr<CLI::App> command_line(Session& session, Run& run) {
  auto app = std::make_unique<CLI::App>(
      "Carve domain specialists out of Mixture-of-Experts GGUF models, without training.", "coe");
  app->set_version_flag("--version,-V", fmt::format("coe {} (engine: {})", tool_version(),
                                                    session.library.version()));
  app->require_subcommand(1);
  app->formatter(std::make_shared<HelpFormatter>());
  app->footer(
      "`coe VERB --help` shows a verb's options, `coe help topics` what else there is to read.\n"
      "Exit codes: 0 done, 1 a check or a write failed, 2 usage, 3 bad input file, 4 engine, "
      "server or browser missing or failed, 70 our bug, 130 interrupted.");
  add_verbs(*app, run);
  for (auto* verb : app->get_subcommands({})) add_common_flags(*verb, session);
  check_numbers(*app);
  return app;
}

std::string long_name(const std::string& argument) {
  static const std::map<std::string, std::string> names = {{"-ngl", "--n-gpu-layers"},
                                                           {"-ncmoe", "--n-cpu-moe"},
                                                           {"-ctk", "--cache-type-k"},
                                                           {"-ctv", "--cache-type-v"}};
  const auto at = names.find(argument);
  return at == names.end() ? argument : at->second;
}

}  // namespace coe::cli
