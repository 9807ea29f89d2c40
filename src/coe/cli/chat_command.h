// Lines of a conversation that are commands.
#pragma once

#include "coe/base/result.h"

#include <string>
#include <string_view>

namespace coe::cli {

enum class ChatAct { kSay, kHelp, kVs, kMask, kThink, kSystem, kSave, kClear, kQuit };

struct ChatCommand {
  ChatAct act = ChatAct::kSay;
  std::string text;  // of kSay: all of it; else the command's argument, without white space around
};

// A line that begins with one stroke is a command; `//usr` says "/usr". Errors: kInvalidArgument
// for a command that is not known, or lacks its argument.
Result<ChatCommand> parse_chat_command(std::string_view line);

// Says what commands there are.
std::string chat_help();

}  // namespace coe::cli
