// A table of scores as a file of its own (docs/formats/score-table.md): for scores that take more
// than a profile, such as recon. GGUF, so that any GGUF tool can list it.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/moe/expert_grid.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/model.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct ScoreTable {
  std::string score;  // its name, e.g. "recon"
  ModelId parent;
  ExpertGrid shape;
  ExpertTable<double> scores;  // [L,E], the higher the longer an expert is kept
  // [L,E]: in column i what removing the i + 1 experts of lowest score costs the layer, in units of
  // the score's own (recon: mean error, see mask/recon/eliminate.h).
  ExpertTable<double> loss;
  std::int64_t n_token = 0;
  std::string corpus_digest;
  std::string settings;
  std::string engine;
  std::string tool_version;
  std::string command_line;
};

// The table of a run that was stopped: its first layers are scored, the others hold zeros.
struct ScoreState {
  ScoreTable table;
  std::uint32_t n_layer_done = 0;  // less than there are
};

// Identity of what decides a mask: scores, shape and parent; not how they came about.
std::string content_digest(const ScoreTable& table);

// Same table, same bytes. Errors: kCorrupt when it breaks an invariant of read_score_table; those
// of AtomicFile.
Status write_score_table(const Path& path, const ScoreTable& table, Overwrite overwrite);
// Errors: those of GgufFile::open; kCorrupt when it is no score table, lacks a key or tensor, has
// another type or shape, layers that do not ascend or values that are not finite; kUnsupported for
// a newer format version.
Result<ScoreTable> read_score_table(const Path& path);

// A state has a file type of its own, so no reader takes it for a table. Errors: as of tables.
Status write_score_state(const Path& path, const ScoreState& state);
Result<ScoreState> read_score_state(const Path& path);

}  // namespace coe
