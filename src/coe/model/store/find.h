// From the name of a model in another program's store to its file. Nothing is ever fetched.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/store/places.h"

#include <optional>
#include <string>
#include <string_view>

namespace coe {

// A name begins with a program's prefix and a colon: "ollama:gemma4:26b", "hf:USER/REPO[:QUANT]",
// "lmstudio:PUBLISHER/MODEL[:QUANT]", "llama:USER/REPO[:QUANT]". All else is a path: a file of such
// a name is given as "./ollama:…".
std::optional<Program> program_of(std::string_view text);

// Returns the model's file, or the first of its parts. A name without a quant stands for the one
// model of its repository. Errors: kInvalidArgument for a name that no model can have, or that
// several have; kNotFound for a model that is not there; kCorrupt for one that is damaged or not
// whole. Hints say what is there, and the program's own command that fetches the model.
Result<Path> find_model(std::string_view name, const Surroundings& around);

// The name of a whole model that `text`, which is no file, is without its prefix; empty for none.
std::string meant_model(std::string_view text, const Surroundings& around);

}  // namespace coe
