#include "coe/cli/render/command_text.h"

#include "coe/base/shell_word.h"
#include "coe/base/utf8.h"
#include "coe/cli/console.h"
#include "coe/cli/wrap.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace coe::cli {

namespace {

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

constexpr std::string_view kOwnGroup = "Options";  // CLI11's, of what was put into none
constexpr std::size_t kIndent = 26;                // of what an option does

// Options whose value CLI11 would call TEXT.
constexpr auto kValues = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"model", "FILE"},     {"file", "FILE"},        {"output", "PATH"}, {"profile", "FILE"},
    {"mask", "FILE"},      {"eval", "FILE"},        {"parent", "FILE"}, {"keep", "K"},
    {"fit", "SIZE"},       {"name", "NAME"},        {"domain", "NAME"}, {"score", "NAME"},
    {"aggregate", "NAME"}, {"endpoint", "URL"},     {"check", "DIR"},   {"cot", "FILE"},
    {"whitelist", "FILE"}, {"structural", "FILE"},  {"exempt", "FILE"}, {"recipe", "FILE"},
    {"svg", "FILE"},       {"score-table", "FILE"}, {"system", "TEXT"}, {"closure", "FILE"},
    {"against", "FILE"},   {"cot-t06", "FILE"},     {"ask", "FILE"},    {"parent-cache", "FILE"},
    {"rpc", "HOST:PORT"},  {"masks", "NAME=FILE"},  {"text", "SPEC"},   {"save-text", "FILE"},
});

std::string value_of(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return {};
  for (const auto& long_name : option.get_lnames())
    for (const auto& [known, value] : kValues)
      if (known == long_name) return std::string(value);
  auto name = option.get_type_name();
  name = name.substr(0, name.find(':'));
  if (name == "UINT" || name == "INT" || name == "FLOAT") return "N";
  return name.empty() ? std::string("TEXT") : name;
}

OptionWords option_words(const CLI::Option& option) {
  OptionWords words;
  words.is_argument = option.get_positional();
  if (words.is_argument) words.names.push_back(upper(option.get_name(true)));
  for (const auto& name : option.get_snames()) words.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) words.names.push_back("--" + name);
  if (!words.is_argument) words.value = value_of(option);
  words.text = option.get_description();
  if (!words.value.empty()) words.default_text = option.get_default_str();
  words.is_required = option.get_required();
  words.is_repeatable = option.get_items_expected_max() > 1;
  return words;
}

std::string full_name(const CLI::App& app) {
  const auto* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : full_name(*parent) + " " + app.get_name();
}

std::string usage_of(const CommandWords& command) {
  std::string usage = command.name;
  if (!command.verbs.empty()) return usage + " VERB …";
  for (const auto& group : command.groups)
    for (const auto& option : group.options)
      if (option.is_argument) {
        auto name = option.names.front() + (option.is_repeatable ? "…" : "");
        usage += option.is_required ? " " + name : " [" + name + "]";
      } else if (option.is_required) {
        usage += fmt::format(" {} {}", option.names.front(), option.value);
      }
  return usage + " [OPTIONS]";
}

std::string head_of(const OptionWords& option) {
  std::string head = fmt::format("{}", fmt::join(option.names, ", "));
  if (!option.value.empty()) head += " " + option.value;
  if (option.is_repeatable) head += " …";
  return head;
}

std::string body_of(const OptionWords& option) {
  std::string body = option.text;
  if (option.is_required && !option.is_argument) body += body.empty() ? "needed" : " (needed)";
  if (!option.default_text.empty() && body.find("default") == std::string::npos)
    body += fmt::format(" (default: {})", option.default_text);
  return body;
}

void add_entry(std::string& out, const std::string& head, const std::string& body,
               std::size_t width) {
  out += "  " + head;
  std::size_t column = 2 + count_chars(head);
  if (column + 1 > kIndent) {
    out += "\n";
    column = 0;
  }
  const std::size_t room = width > kIndent + 20 ? width - kIndent : 20;
  for (const auto& line : wrapped(body, room)) {
    out += std::string(kIndent - column, ' ') + line + "\n";
    column = 0;
  }
}

// troff takes a dot or an apostrophe at the start of a line, and every backslash, for its own.
// A terminal without UTF-8 shows the pages, too.
std::string troff(std::string_view given) {
  std::string out;
  const auto text = for_terminal(given, false);
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
      out += fmt::format("\\&{}", c);
    else
      out += c;
  }
  return out;
}

// A cell of a table of Markdown.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto& group : command_words(app).groups)
    for (const auto& option : group.options)
      for (const auto& name : option.names)
        if (name.starts_with("-")) names.push_back(name);
  return names;
}

// coe and all verbs, each with the words that lead to it: "", "bench", "bench web".
void collect(const CLI::App& app, const std::string& path,
             std::vector<std::pair<std::string, const CLI::App*>>& out) {
  out.emplace_back(path, &app);
  for (const auto* verb : app.get_subcommands({}))
    if (!verb->get_group().empty())
      collect(*verb, path.empty() ? verb->get_name() : path + " " + verb->get_name(), out);
}

std::vector<std::pair<std::string, const CLI::App*>> all_commands(const CLI::App& app) {
  std::vector<std::pair<std::string, const CLI::App*>> out;
  collect(app, "", out);
  return out;
}

// Cases of a shell that lead from the words typed to the verb that they name, in `path`.
std::string path_cases(const std::vector<std::pair<std::string, const CLI::App*>>& commands) {
  std::string out;
  for (const auto& [path, verb] : commands)
    if (!path.empty()) out += fmt::format("      ' {}') path=' {}' ;;\n", path, path);
  return out + "    esac\n  done\n  case \"$path\" in\n";
}

std::size_t output_width() {
  constexpr std::size_t kPage = 80;
  return std::clamp<std::size_t>(output_columns().value_or(kPage), 40, 120);
}

}  // namespace

CommandWords command_words(const CLI::App& app) {
  CommandWords command;
  command.name = full_name(app);
  command.text = app.get_description();
  std::vector<std::string> titles = {std::string(kOwnGroup)};
  for (const auto* option : app.get_options())
    if (std::ranges::find(titles, option->get_group()) == titles.end())
      titles.push_back(option->get_group());
  for (const auto& title : titles) {
    if (title.empty()) continue;  // hidden
    OptionGroup group{title == kOwnGroup ? std::string() : title, {}};
    for (const auto* option : app.get_options())
      if (option->get_group() == title) group.options.push_back(option_words(*option));
    if (!group.options.empty()) command.groups.push_back(std::move(group));
  }
  for (const auto* verb : app.get_subcommands({}))
    if (!verb->get_group().empty())
      command.verbs.emplace_back(verb->get_name(), first_line(verb->get_description()));
  const auto space = command.name.find(' ');
  if (space != std::string::npos) command.examples = examples_of(command.name.substr(space + 1));
  command.usage = usage_of(command);
  return command;
}

std::vector<const CLI::App*> leaf_verbs(const CLI::App& app) {
  std::vector<const CLI::App*> leaves;
  for (const auto& [path, verb] : all_commands(app))
    if (verb->get_subcommands({}).empty()) leaves.push_back(verb);
  return leaves;
}

std::string help_text(const CommandWords& command, std::size_t width) {
  std::string out;
  out += command.text + "\n";
  out += "\nUsage: " + command.usage + "\n";
  if (!command.examples.empty()) out += "\nExamples:\n";
  for (const auto& example : command.examples)
    out += fmt::format("  # {}\n  {}\n", example.words, example.command);
  if (!command.verbs.empty()) out += "\nVerbs:\n";
  for (const auto& [name, text] : command.verbs) add_entry(out, name, text, width);
  for (const auto& group : command.groups) {
    out += fmt::format("\n{}:\n", group.title.empty() ? kOwnGroup : group.title);
    for (const auto& option : group.options)
      add_entry(out, head_of(option), body_of(option), width);
  }
  return fit_lines(out, width);
}

std::string page_name(const CommandWords& command) {
  std::string name = command.name;
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string man_page(const CommandWords& command, std::string_view version) {
  const auto name = page_name(command);
  std::string out = fmt::format(
      ".TH {} 1 \"\" \"coe {}\" \"College of Experts\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n"
      ".B {}\n.SH DESCRIPTION\n{}\n",
      upper(name), version, troff(name), troff(first_line(command.text)), troff(command.usage),
      troff(command.text));
  if (!command.verbs.empty()) out += ".SH VERBS\n";
  for (const auto& [verb, text] : command.verbs)
    out += fmt::format(".TP\n.BR {}\\-{} (1)\n{}\n", troff(name), troff(verb), troff(text));
  for (const auto& group : command.groups) {
    out += fmt::format(".SH {}\n", group.title.empty() ? "OPTIONS" : upper(group.title));
    for (const auto& option : group.options)
      out += fmt::format(".TP\n.B {}\n{}\n", troff(head_of(option)), troff(body_of(option)));
  }
  if (!command.examples.empty()) out += ".SH EXAMPLES\n";
  for (const auto& example : command.examples)
    out += fmt::format(".TP\n{}\n.nf\n{}\n.fi\n", troff(example.words), troff(example.command));
  return out;
}

std::string reference_page(const CommandWords& command) {
  std::string out =
      fmt::format("# {}\n\n{}\n\n```\n{}\n```\n", command.name, command.text, command.usage);
  if (!command.examples.empty()) out += "\n## Examples\n";
  for (const auto& example : command.examples)
    out += fmt::format("\n{}:\n\n```sh\n{}\n```\n", example.words, example.command);
  if (!command.verbs.empty()) out += "\n## Verbs\n\n| verb | |\n|---|---|\n";
  for (const auto& [name, text] : command.verbs) {
    auto page = page_name(command) + "-" + name;
    out += fmt::format("| [{}]({}.md) | {} |\n", name, page, cell(text));
  }
  for (const auto& group : command.groups) {
    out += fmt::format("\n## {}\n\n| option | |\n|---|---|\n",
                       group.title.empty() ? kOwnGroup : group.title);
    for (const auto& option : group.options)
      out += fmt::format("| `{}` | {} |\n", cell(head_of(option)), cell(body_of(option)));
  }
  return out;
}

std::string bash_completion(const CLI::App& app) {
  std::string out =
      "# Completion of coe for bash: source <(coe completion bash)\n"
      "_coe() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" path='' i words=''\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$path ${COMP_WORDS[i]}\" in\n";
  const auto commands = all_commands(app);
  out += path_cases(commands);
  for (const auto& [path, verb] : commands) {
    auto words = names_of(*verb);
    for (const auto* below : verb->get_subcommands({}))
      if (!below->get_group().empty()) words.push_back(below->get_name());
    out += fmt::format("    '{}') words={} ;;\n", path.empty() ? "" : " " + path,
                       shell_word(fmt::format("{}", fmt::join(words, " "))));
  }
  out +=
      "  esac\n"
      "  case \"$word\" in\n"
      "    -*) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\") ;;\n"
      "    *) mapfile -t COMPREPLY < <(compgen -W \"$(printf '%s\\n' $words | grep -v '^-')\" -- "
      "\"$word\") ;;\n"
      "  esac\n"
      "}\n"
      "complete -o default -F _coe coe\n";
  return out;
}

std::string zsh_completion(const CLI::App& app) {
  std::string out =
      "#compdef coe\n"
      "# Completion of coe for zsh: a file _coe in a folder of $fpath.\n"
      "_coe() {\n"
      "  local path='' i\n"
      "  local -a verbs options\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    case \"$path ${words[i]}\" in\n";
  const auto commands = all_commands(app);
  out += path_cases(commands);
  const auto described = [](std::string_view name, std::string_view text) {
    std::string escaped;
    for (const char c : name) escaped += c == ':' ? std::string("\\:") : std::string(1, c);
    return shell_word(fmt::format("{}:{}", escaped, text));
  };
  for (const auto& [path, verb] : commands) {
    out += fmt::format("    '{}')\n", path.empty() ? "" : " " + path);
    const auto command = command_words(*verb);
    if (!command.verbs.empty()) {
      out += "      verbs=(";
      for (const auto& [name, text] : command.verbs) out += "\n        " + described(name, text);
      out += ")\n";
    }
    out += "      options=(";
    for (const auto& group : command.groups)
      for (const auto& option : group.options) {
        for (const auto& name : option.names)
          if (name.starts_with("-")) out += "\n        " + described(name, first_line(option.text));
      }
    out += ")\n      ;;\n";
  }
  out +=
      "  esac\n"
      "  if [[ ${words[CURRENT]} == -* ]]; then\n"
      "    _describe -o option options\n"
      "  elif (( ${#verbs} )); then\n"
      "    _describe verb verbs\n"
      "  else\n"
      "    _files\n"
      "  fi\n"
      "}\n"
      "_coe \"$@\"\n";
  return out;
}

std::string fish_completion(const CLI::App& app) {
  std::string out =
      "# Completion of coe for fish: coe completion fish >~/.config/fish/completions/coe.fish\n"
      "function __coe_at\n"
      "  set -l verbs (commandline -opc | string match -v -- '-*')\n"
      "  set -l path (string join ' ' -- $verbs[2..])\n"
      "  test \"$path\" = \"$argv\"; or string match -q -- \"$argv *\" \"$path\"\n"
      "end\n";
  for (const auto& [path, verb] : all_commands(app)) {
    const auto here = path.empty() ? std::string("test (count (commandline -opc)) -eq 1")
                                   : fmt::format("__coe_at {}", path);
    const auto command = command_words(*verb);
    for (const auto& [name, text] : command.verbs)
      out += fmt::format("complete -c coe -f -n {} -a {} -d {}\n", shell_word(here), name,
                         shell_word(text));
    for (const auto& group : command.groups)
      for (const auto& option : group.options) {
        std::string names;
        for (const auto& name : option.names)
          if (name.starts_with("-"))
            names += name.starts_with("--") ? fmt::format(" -l {}", name.substr(2))
                                            : fmt::format(" -s {}", name.substr(1));
        if (names.empty()) continue;
        out += fmt::format("complete -c coe -n {}{}{} -d {}\n", shell_word(here), names,
                           option.value.empty() ? "" : " -r", shell_word(first_line(option.text)));
      }
  }
  return out;
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string /*name*/,
                                     CLI::AppFormatMode /*mode*/) const {
  auto text = help_text(command_words(*app), output_width());
  if (!app->get_footer().empty())
    text += "\n" + fit_lines(app->get_footer(), output_width()) + "\n";
  return text;
}

}  // namespace coe::cli
