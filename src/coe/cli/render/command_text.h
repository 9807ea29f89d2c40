// The command line in words: what `--help`, man pages, completions and docs/reference say comes
// from the one tree of options.
#pragma once

#include <CLI/CLI.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coe::cli {

struct OptionWords {
  std::vector<std::string> names;  // "-m", "--model"; of an argument without dashes its name
  std::string value;               // "FILE"; empty: a flag
  std::string text;                // one sentence or more
  std::string default_text;        // empty: none
  bool is_required = false;
  bool is_repeatable = false;
  bool is_argument = false;  // given by its place
};

struct OptionGroup {
  std::string title;  // "Scoring"; empty: the verb's own
  std::vector<OptionWords> options;
};

struct Example {
  std::string_view verb;     // "bench web"
  std::string_view words;    // what it does
  std::string_view command;  // "coe bench web …"
};
// At least two for each verb that does something.
std::vector<Example> examples_of(std::string_view verb);

struct CommandWords {
  std::string name;   // "coe bench web"
  std::string text;   // what it does
  std::string usage;  // "coe bench web [OPTIONS]"
  std::vector<OptionGroup> groups;
  std::vector<std::pair<std::string, std::string>> verbs;  // below it: name and what it does
  std::vector<Example> examples;
};

// `app` is coe itself or one of its verbs.
CommandWords command_words(const CLI::App& app);

// All verbs that do something, in the order of --help: "specialize", "bench web".
std::vector<const CLI::App*> leaf_verbs(const CLI::App& app);

// What --help prints, in lines of at most `width` characters where words allow it.
std::string help_text(const CommandWords& command, std::size_t width);
// coe.1, coe-specialize.1: troff with the man macros.
std::string man_page(const CommandWords& command, std::string_view version);
// docs/reference/specialize.md.
std::string reference_page(const CommandWords& command);

// Scripts that a shell reads: `source <(coe completion bash)`.
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

// "bench-web" of "coe bench web", "coe" of coe itself: names of pages.
std::string page_name(const CommandWords& command);

// CLI11's help, said by help_text() in the width of the terminal.
class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

}  // namespace coe::cli
