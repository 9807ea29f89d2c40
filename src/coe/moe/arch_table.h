// What llama.cpp v0.5.0 does with experts, as data: which tensors carry the expert dimension and,
// for each architecture, how router logits become weights. Source: llama.cpp v0.5.0
// src/llama-arch.cpp (names), src/llama-model.cpp (optional per-expert tensors) and
// src/models/*.cpp (gating).
#pragma once

#include "coe/moe/model.h"

#include <cstddef>
#include <optional>
#include <string_view>

namespace coe {

// Where an architecture takes its gating function from.
enum class GatingSource {
  kFixed,         // written into its graph
  kKeyOrDefault,  // <arch>.expert_gating_func, else the table's value
  kKeyRequired,   // <arch>.expert_gating_func; without it the model does not load
};

struct ArchFacts {
  std::string_view name;  // general.architecture
  GatingSource source = GatingSource::kFixed;
  Gating gating = Gating::kSoftmax;  // fixed or default value
};

// Null for architectures that coe does not know.
const ArchFacts* find_arch(std::string_view architecture);

// What a tensor of a block is to surgery, judged by the part of its name after "blk.N.".
enum class TensorRole {
  kOther,      // nothing to do with routed experts
  kPerExpert,  // last dimension counts experts
  kRouter,     // the same, and the layer's router
  kRefused,    // depends on expert ids in a way that coe cannot cut
  kUnknown,    // named like an expert tensor, but coe does not know what it is
};

struct TensorFacts {
  TensorRole role = TensorRole::kOther;
  std::size_t n_dims = 0;        // of kPerExpert and kRouter, the expert dimension included
  std::string_view why_refused;  // of kRefused
};

TensorFacts tensor_facts(std::string_view suffix);

// An expert count of `architecture` that must not be changed, with the reason; nullopt when cutting
// is safe.
std::optional<std::string_view> why_unsafe(std::string_view architecture, std::uint32_t n_expert);

}  // namespace coe
