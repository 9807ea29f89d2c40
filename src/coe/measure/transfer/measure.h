// Fills transfer matrices on the running parent by virtual surgery: every mask on every sub-domain,
// the parent's own pass shared by all masks. What is measured is kept (measure/cells/cells.h).
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/measure/cells/measure.h"
#include "coe/measure/transfer/masks.h"
#include "coe/measure/transfer/matrix.h"

#include <span>
#include <vector>

namespace coe {

struct TransferBench {
  CellBench cells;
  const Corpus& evaluation;
};

// One matrix for each set of masks, which have one K each; specialists before random ones. A run
// that is stopped loses the sub-domain at hand. Errors: those of open_cells and fill_cells.
Result<std::vector<TransferMatrix>> measure_transfer(
    const TransferBench& bench, std::span<const std::vector<TransferMask>> masks,
    Observer& observer);

}  // namespace coe
