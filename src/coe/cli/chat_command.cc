#include "coe/cli/chat_command.h"

#include "coe/base/printable.h"
#include "coe/base/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace coe::cli {

namespace {

struct Row {
  std::string_view name;
  ChatAct act;
  bool needs_argument;
  std::string_view argument;
  std::string_view help;
};

constexpr std::array kRows = {
    Row{"help", ChatAct::kHelp, false, "", "this list"},
    Row{"vs", ChatAct::kVs, false, "[PARENT.gguf|off]",
        "have another model answer, too; without a name the parent of --mask"},
    Row{"mask", ChatAct::kMask, true, "MASK.json|off", "go on with the experts of this mask"},
    Row{"think", ChatAct::kThink, true, "on|off", "thinking, as the model's template switches it"},
    Row{"system", ChatAct::kSystem, false, "[TEXT|FILE]", "the system message; without one, none"},
    Row{"save", ChatAct::kSave, true, "FILE.jsonl",
        "write the conversation as a record that `coe corpus build` reads"},
    Row{"clear", ChatAct::kClear, false, "", "begin anew"},
    Row{"quit", ChatAct::kQuit, false, "", "end (Ctrl-D)"},
};

}  // namespace

Result<ChatCommand> parse_chat_command(std::string_view line) {
  if (!line.starts_with('/')) return ChatCommand{ChatAct::kSay, std::string(line)};
  line.remove_prefix(1);
  if (line.starts_with('/')) return ChatCommand{ChatAct::kSay, std::string(line)};
  const auto name = line.substr(0, line.find_first_of(" \t\n"));
  const auto argument = trimmed(line.substr(name.size()));
  const auto row = std::ranges::find(kRows, name, &Row::name);
  if (row == kRows.end())
    return fail(Code::kInvalidArgument, fmt::format("/{}: no such command", printable(name)),
                "/help lists them; a text that begins with a stroke is written with two");
  if (row->needs_argument && argument.empty())
    return fail(Code::kInvalidArgument, fmt::format("/{}: needs {}", name, row->argument));
  if (row->argument.empty() && !argument.empty())
    return fail(Code::kInvalidArgument,
                fmt::format("/{}: takes nothing (`{}`)", name, printable(argument)));
  return ChatCommand{row->act, std::string(argument)};
}

std::string chat_help() {
  std::string out;
  for (const auto& row : kRows)
    out += fmt::format("  {:<24} {}\n", fmt::format("/{} {}", row.name, row.argument), row.help);
  out +=
      "Lines that are pasted together are one turn, as is what stands between two lines of "
      "\"\"\".\n"
      "Ctrl-C stops an answer. A text that begins with a stroke is written with two.\n";
  return out;
}

}  // namespace coe::cli
