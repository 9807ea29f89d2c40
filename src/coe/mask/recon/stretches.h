// This cuts the text that recon runs.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"
#include "coe/mask/recon/recon.h"

#include <cstdint>
#include <vector>

namespace coe {

// Returns token sequences of at most options.record_tokens, options.n_token in all or as many as
// the corpus has. See run_recon for their order. Errors: kInvalidArgument for lengths below 2;
// kCorrupt when there is no token; kCancelled; those of Engine::tokenize, naming the record.
Result<std::vector<std::vector<std::int32_t>>> plan_stretches(Engine& engine, const Corpus& corpus,
                                                              const ReconOptions& options,
                                                              Observer& observer);

}  // namespace coe
