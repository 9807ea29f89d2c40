// What every sidecar about a model's experts says: which model, which experts, what made it. See
// gguf/sidecar.h. `prefix` is the format's: "coe.profile".
#pragma once

#include "coe/model/gguf/sidecar.h"
#include "coe/model/moe/expert_grid.h"
#include "coe/model/moe/model.h"

#include <string>

namespace coe {

template <class File, class Id>
void visit_parent(File& file, const std::string& prefix, Id& parent) {
  file.key(prefix + ".parent.name", parent.name);
  file.key(prefix + ".parent.architecture", parent.architecture);
  file.key(prefix + ".parent.digest", parent.digest);
}

template <class File, class Grid>
void visit_grid(File& file, const std::string& prefix, Grid& grid) {
  file.key(prefix + ".n_expert", grid.n_expert);
  file.key(prefix + ".n_expert_used", grid.n_expert_used);
  file.key(prefix + ".n_expert_group", grid.n_expert_group);
  file.key(prefix + ".n_chunk_expert", grid.n_chunk_expert);
  file.key(prefix + ".layers", grid.layers);
}

template <class File, class Made>
void visit_origin(File& file, Made& made) {
  file.key("coe.tool_version", made.tool_version);
  file.key("coe.engine", made.engine);
  file.key("coe.command_line", made.command_line);
}

}  // namespace coe
