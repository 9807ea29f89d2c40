// This finds the code in what a model wrote.
#pragma once

#include "coe/base/result.h"
#include "coe/measure/webgen/task.h"

#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct CodeBlock {
  std::string language;  // as the fence says, in lower case; empty where it says nothing
  std::string code;
  bool closed = true;
};

// Returns the fenced blocks (``` or ~~~, three or more), in order. A fence that is longer or of the
// other kind than its block belongs to the block. Source: CommonMark 0.31, section 4.5.
std::vector<CodeBlock> code_blocks(std::string_view text);

// Returns the file that answers a task, from an answer without its thinking. Of several blocks it
// is the last one that is whole and looks like the format, else the last that is whole. Without
// blocks it is the text from where the file begins. HTML in several blocks (page, style, script) is
// put together. Errors: kNotFound, saying why there is none: there is no code, or it was cut off in
// the middle.
Result<std::string> extract_answer(std::string_view answer, WebFormat format);

}  // namespace coe
