// The pass over text that healing is fitted on. Each stretch is run twice: as the parent, and then
// with the mask while every layer's experts' output gives way to the parent's, so that all layers
// see the parent's stream. The second run tells what the kept experts alone give there. Nothing
// runs more experts than a token uses.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/heal/block.h"
#include "coe/child/heal/token_store.h"
#include "coe/engine/engine.h"
#include "coe/model/moe/ids.h"
#include "coe/profile/stretches.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace coe {

// Says that everything of the first `n` stretches is in the store, now and then.
using Gathered = std::function<Status(std::size_t n)>;

// Runs the stretches from `n_done` on. `layers`: the store's, in its order. `blocks`: of the same
// layers; the first stretch must give what they compute, as a proof that a layer is what read_block
// takes it for. Errors: kUnsupported where it does not; kCheckFailed for values that are no
// numbers, naming layer and stretch; kCancelled; those of the engine, the store and `gathered`.
Status gather_tokens(Engine& engine, const ExpertFilter& filter, std::span<const LayerId> layers,
                     std::span<const Block> blocks, const Stretches& stretches, std::size_t n_done,
                     TokenStore& store, const Gathered& gathered, Observer& observer);

}  // namespace coe
