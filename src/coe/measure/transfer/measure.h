// Fills transfer matrices on the running parent by virtual surgery: every mask on every sub-domain,
// the parent's own pass shared by all masks. What is measured is kept (measure/transfer/cells.h).
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine_library.h"
#include "coe/measure/eval/eval.h"
#include "coe/measure/transfer/masks.h"
#include "coe/measure/transfer/matrix.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct TransferBench {
  const gguf::GgufFile& file;
  const MoeModel& model;
  const Corpus& evaluation;
  EvalOptions eval;
  Path folder;           // of cells; exists
  std::string settings;  // of engine and its options
  Overwrite overwrite = Overwrite::kRefuse;
  LazyEngine& engine;  // runs `file`; opened only when something is missing
};

// A file name of a sub-domain's or mask's: what file systems might not take is replaced, and then a
// hash keeps names apart.
std::string file_name_of(std::string_view name);

// One matrix for each set of masks, which have one K each; specialists before random ones. A run
// that is stopped loses the sub-domain at hand. Errors: those of DomainCells and measure_masks, and
// EngineLibrary::open.
Result<std::vector<TransferMatrix>> measure_transfer(
    const TransferBench& bench, std::span<const std::vector<TransferMask>> masks,
    Observer& observer);

}  // namespace coe
