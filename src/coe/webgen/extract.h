// The code in what a model wrote.
#pragma once

#include "coe/base/result.h"
#include "coe/webgen/task.h"

#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct CodeBlock {
  std::string language;  // as the fence says, in lower case; empty where it says nothing
  std::string code;
  bool closed = true;
};

// Fenced blocks (``` or ~~~, three or more), in order. A fence inside a block that is longer or of
// the other kind belongs to the block. Source: CommonMark 0.31, section 4.5.
std::vector<CodeBlock> code_blocks(std::string_view text);

// The file that answers a task, of an answer without its thinking: of several blocks the last that
// is whole and looks like the format, else the last that is whole; without blocks, the text from
// where the file begins. HTML in several blocks (page, style, script) is put together.
// Errors: kNotFound, saying why there is none: no code, or cut off in the middle.
Result<std::string> extract_answer(std::string_view answer, WebFormat format);

}  // namespace coe
