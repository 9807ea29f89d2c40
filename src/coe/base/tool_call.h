// A call of a tool, as turns of a model carry it in chats.
#pragma once

#include <string>

namespace coe {

struct ToolCall {
  std::string name;
  std::string arguments;  // JSON, of an object in chats that templates can take
  std::string id = {};    // that the tool's turn answers to; may be empty
};

}  // namespace coe
