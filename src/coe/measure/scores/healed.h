// Healed specialists in the shoot-out: cut by a mask, healed, and measured without being written.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/heal/heal.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine_library.h"
#include "coe/mask/keep_mask.h"
#include "coe/measure/cells/cells.h"
#include "coe/measure/cells/measure.h"
#include "coe/model/moe/open_model.h"

#include <span>
#include <string>
#include <vector>

namespace coe {

// What the healed specialists of one domain need beside their masks.
struct HealedBench {
  const CellBench& cells;
  const OpenModel& model;
  const EngineLibrary& library;
  const EngineOptions& engine;  // that open the parent, and the child in its place
  HealOptions options;          // state: a folder, made where it is missing, removed at the end
  Path parent_logits;           // of the held-out text, removed at the end
};

// The name under which cells keep what `mask` came to, healed on this text.
std::string healed_cell(const KeepMask& mask, const HealOptions& options, const Corpus& text);

// Measures the healed children of the masks that `cells` lacks, on `evaluation`; one model is in
// memory at a time, and the child is read as the surgery would write it (child_source.h). Where
// healing would not help, the child that is only cut is measured. They are held to the parent's
// condensed logits (measure/eval/parent_cache.h), for the parent is out of memory by then. A run
// that is stopped goes on with the mask at hand. `text` is what is fitted and validated on. Errors:
// those of split_for_healing, heal, plan_surgery, EngineLibrary::open, evaluate_against and
// DomainCells::add.
Status fill_healed(const HealedBench& bench, const Corpus& text, const SubDomain& evaluation,
                   std::span<const KeepMask* const> masks, DomainCells& cells, Observer& observer);

}  // namespace coe
