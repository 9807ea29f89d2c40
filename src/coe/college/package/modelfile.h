// Ollama's Modelfile as its parser reads it. Source: docs/formats/package.md, "Modelfile".
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct ModelfileCommand {
  std::string name;  // in small letters; of PARAMETER and MESSAGE: the parameter, the role
  std::string value;
  bool is_parameter = false;
  bool is_message = false;
  std::size_t line = 0;  // where the command begins, from 1
};

// `name` stands for the file in messages. Errors: kCorrupt, naming the line, for a word that is no
// instruction, a value that does not end, and a file without FROM.
Result<std::vector<ModelfileCommand>> parse_modelfile(std::string_view text, std::string_view name);

}  // namespace coe
