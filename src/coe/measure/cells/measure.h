// Fills cells on the running parent by virtual surgery, the parent's own pass shared by all masks
// of a text. What is measured is kept (measure/cells/cells.h).
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine_library.h"
#include "coe/mask/keep_mask.h"
#include "coe/measure/cells/cells.h"
#include "coe/measure/eval/eval.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <span>
#include <string>
#include <string_view>

namespace coe {

struct CellBench {
  const gguf::GgufFile& file;
  const MoeModel& model;
  EvalOptions eval;
  Path folder;           // of cells; exists
  std::string settings;  // of engine and its options
  Overwrite overwrite = Overwrite::kRefuse;
  LazyEngine& engine;  // runs `file`; opened only when something is missing
};

// A file name of a sub-domain's or mask's: what file systems might not take is replaced, and then a
// hash keeps names apart.
std::string file_name_of(std::string_view name);

// What is known of the text so far. Errors: those of DomainCells::open.
Result<DomainCells> open_cells(const CellBench& bench, const SubDomain& text);

// Measures the masks that `cells` lacks, one that occurs twice once. A run that is stopped loses
// what it measured since the call. Errors: those of measure_masks, EngineLibrary::open and
// DomainCells::add.
Status fill_cells(const CellBench& bench, const SubDomain& text,
                  std::span<const KeepMask* const> masks, DomainCells& cells, Observer& observer);

}  // namespace coe
