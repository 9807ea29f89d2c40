// Finds the tensor of a layer that brings experts' hidden values back to the embedding's width.
#pragma once

#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <cstddef>
#include <optional>

namespace coe {

// The down-projections of all experts of a layer. Shapes: weight [n_ff, n_embd, n_expert], or the
// latent width in place of n_embd; scale [n_expert].
struct DownProjection {
  ExpertTensor weight;               // blk.N.ffn_down_exps.weight
  std::optional<std::size_t> scale;  // blk.N.ffn_down_exps.scale: a factor on each expert's weight
};

// Every layout of the table (arch_table.h) has the weight under this one name, whatever it does
// with gate and up, and describe_moe refuses layers without it. Not part of it: the bias
// (`ffn_down_exps.bias`, which is added and multiplies nothing), `input_scale` (of activations) and
// grovemoe's `ffn_down_chexps`, which several experts share. `layer` comes from describe_moe of
// this header.
DownProjection down_projection(const gguf::Header& header, const MoeLayer& layer);

}  // namespace coe
