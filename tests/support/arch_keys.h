// The hyperparameters of the tiny models of arch_models.h: which keys each architecture needs, and
// what is special about its tensors.
#pragma once

#include "coe/model/gguf/value.h"

#include "support/arch_models.h"

#include <cstdint>
#include <vector>

namespace coe::testing {

inline constexpr std::uint32_t kArchEmbedding = 64;

struct ArchDraft {
  std::vector<gguf::KeyValue> keys;        // of the file
  std::vector<gguf::KeyValue> asked_keys;  // that make llama.cpp say which tensors it wants
  std::uint32_t n_layer = 0;               // without the blocks that predict further tokens
  std::uint32_t n_block = 0;               // with them
  // llama.cpp does not say what MTP blocks hold, because it never reads them: asked_keys has
  // ordinary blocks in their place, and what MTP adds must be added.
  bool mtp_by_hand = false;
  // A block is dense when it has no router: block 0 gets none, the others no dense matrices.
  bool dense_by_absence = false;
};

// Throws std::runtime_error for unknown architectures and options that they do not have.
ArchDraft draft_arch(const ArchModelSpec& spec);

}  // namespace coe::testing
