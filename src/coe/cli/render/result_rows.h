// Measurements leave rows behind, each with what it was measured of, with and on, so that
// rows of many runs can be put into one file and read years later. docs/formats/result-rows.md.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/cli/render/document.h"
#include "coe/engine/engine_library.h"
#include "coe/model/moe/model.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe::cli {

class ResultRows {
 public:
  // `kind`: the verb, "eval", "bench-transfer"; the schema of the document is "coe.<kind>/1".
  // `command`: the command line that the rows come from.
  ResultRows(std::string_view kind, const EngineLibrary& library, std::string_view command);

  void set_seed(std::uint64_t seed);
  // The model measured; of specialists, and of masks on the running parent, the parent.
  void set_model(const Path& file, const ModelId& id);
  // How answers were drawn: sampling_json().
  void set_sampling(Json sampling);
  // EngineInfo::engine: replaces the linked engine's.
  void set_engine(std::string_view name);

  // At least `metric`, `n` and `value`; `ci_low` and `ci_high` become null where there are none.
  // Rows say what distinguishes them: `subject` (a mask or model), `domain`, `n_keep`, …
  void add(Json row);

  const std::vector<Json>& rows() const { return rows_; }
  // {"schema", "version", "run": {…}, "rows": […]}
  Json document() const;
  // JSON lines, each {"schema": "coe.result/1", "kind", "run", …the row}. Errors: those of
  // AtomicFile.
  Status write(const Path& path, Overwrite overwrite) const;

 private:
  std::string kind_;
  Json run_;
  std::vector<Json> rows_;
};

}  // namespace coe::cli
