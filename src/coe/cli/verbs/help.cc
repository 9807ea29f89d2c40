// coe help, coe completion and coe reference: what is known of the command line, said again.
#include "coe/base/file.h"
#include "coe/base/text.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/render/command_text.h"
#include "coe/cli/render/topics.h"
#include "coe/cli/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

namespace coe::cli {

namespace {

// The verb that the words lead to; null where they lead nowhere.
const CLI::App* find_command(const CLI::App& app, const std::vector<std::string>& words) {
  const auto* command = &app;
  for (const auto& word : words) {
    const auto below =
        command->get_subcommands([&](const CLI::App* verb) { return verb->get_name() == word; });
    if (below.empty()) return nullptr;
    command = below.front();
  }
  return command;
}

Result<int> help(const CLI::App& app, const std::vector<std::string>& words, Session& session) {
  std::string text;
  if (const auto* command = find_command(app, words)) {
    text = command->help();
  } else if (const auto* topic = find_topic(words.front()); topic != nullptr && words.size() == 1) {
    text = fmt::format("{}\n\n{}", topic->title, topic->text);
  } else {
    std::vector<std::string> known;
    for (const auto* verb : app.get_subcommands({})) known.push_back(verb->get_name());
    for (const auto& one : topics()) known.emplace_back(one.name);
    const auto near = closest_match(words.front(), known);
    return fail(Code::kInvalidArgument,
                fmt::format("there is no verb and no topic `{}`", fmt::join(words, " ")),
                near.empty()
                    ? std::string("`coe help` lists the verbs, `coe help topics` the topics")
                    : fmt::format("did you mean `{}`?", near));
  }
  auto doc = document("help");
  doc["text"] = text;
  COE_TRY_STATUS(session.emit(doc, text));
  return kExitDone;
}

Result<int> completion(const CLI::App& app, const std::string& shell, Session& session) {
  const auto script = shell == "bash"  ? bash_completion(app)
                      : shell == "zsh" ? zsh_completion(app)
                                       : fish_completion(app);
  auto doc = document("completion");
  doc["shell"] = shell;
  doc["script"] = script;
  // A script's lines are as long as they are.
  COE_TRY_STATUS(session.json ? session.emit(doc, {}) : print(script));
  return kExitDone;
}

// One page for coe, one for each verb, and for Markdown one for each topic and an index.
Status write_pages(const CLI::App& app, const std::string& form, const Path& folder,
                   Overwrite overwrite) {
  COE_TRY_STATUS(make_folder(folder));
  if (form == "completions") {
    COE_TRY_STATUS(write_file(folder / "coe.bash", bash_completion(app), overwrite));
    COE_TRY_STATUS(write_file(folder / "_coe", zsh_completion(app), overwrite));
    return write_file(folder / "coe.fish", fish_completion(app), overwrite);
  }
  const bool is_man = form == "man";
  const auto write = [&](const CLI::App& command) -> Status {
    const auto words = command_words(command);
    const auto name = page_name(words) + (is_man ? ".1" : ".md");
    return write_file(folder / name,
                      is_man ? man_page(words, tool_version()) : reference_page(words), overwrite);
  };
  std::vector<const CLI::App*> left = {&app};
  while (!left.empty()) {
    const auto* command = left.back();
    left.pop_back();
    COE_TRY_STATUS(write(*command));
    for (const auto* below : command->get_subcommands({}))
      if (!below->get_group().empty()) left.push_back(below);
  }
  if (is_man) return {};
  for (const auto& topic : topics())
    COE_TRY_STATUS(
        write_file(folder / fmt::format("topic-{}.md", topic.name), topic_page(topic), overwrite));
  return {};
}

}  // namespace

void add_help(CLI::App& app, Run& run) {
  auto words = std::make_shared<std::vector<std::string>>();
  auto* verb = app.add_subcommand("help", "Show the options of a verb, or a topic");
  verb->add_option("words", *words, "A verb, `bench web`, or a topic; `topics` lists these");
  verb->callback([words, &app, &run] {
    run = [words, &app](Session& session) { return help(app, *words, session); };
  });
}

void add_completion(CLI::App& app, Run& run) {
  auto shell = std::make_shared<std::string>();
  auto* verb = app.add_subcommand("completion", "Print a script that completes coe in a shell");
  verb->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->callback([shell, &app, &run] {
    run = [shell, &app](Session& session) { return completion(app, *shell, session); };
  });
}

// For builds and releases, not for people: it has no group and so is not listed.
void add_reference(CLI::App& app, Run& run) {
  struct Options {
    std::string form;
    Path folder;
  };
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("reference", "Write man pages, completions or docs/reference");
  verb->group("");
  verb->add_option("form", options->form, "man, completions or markdown")
      ->required()
      ->check(CLI::IsMember({"man", "completions", "markdown"}));
  verb->add_option("-o,--output", options->folder, "Folder")->required();
  verb->callback([options, &app, &run] {
    run = [options, &app](Session& session) -> Result<int> {
      COE_TRY_STATUS(write_pages(app, options->form, options->folder, session.overwrite()));
      return kExitDone;
    };
  });
}

}  // namespace coe::cli
