// The first blocks of a model as a model of their own: what its first routers choose, for a part of
// its size. docs/formats/dispatcher.md, "Blocks", has the rules.
#pragma once

#include "coe/base/result.h"
#include "coe/child/surgery/plan.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace coe {

// How many blocks it takes to have the first `n_layer` that route. Errors: kInvalidArgument for
// none, or for more than there are.
Result<std::uint32_t> blocks_of_layers(const MoeModel& model, std::size_t n_layer);

// Plans a file with blocks [0, n_block) and all tensors that belong to no block. What they compute,
// and choose, is what they do in the parent. Each key of the architecture must be known by name:
// whether its value is one for all blocks, or one each, or counts them. Errors: kInvalidArgument
// where n_block is 0 or above that of ordinary blocks, or of a Gemma 4 are fewer than two or
// without the window that llama.cpp asks for; kUnsupported for an architecture or a key
// that is not known, for the extra embeddings of each block that some gemma4 have, and for blocks
// that share the keys and values of others.
Result<SurgeryPlan> plan_first_blocks(const gguf::GgufFile& parent, const MoeModel& model,
                                      std::uint32_t n_block);

// Whether first blocks of that architecture can be cut.
bool has_first_blocks(std::string_view architecture);

}  // namespace coe
