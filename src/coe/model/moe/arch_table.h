// This is what llama.cpp v0.5.0 does with experts, as data: which tensors carry the expert
// dimension and, for each architecture, which of them it has, how router logits become weights and
// what its MTP blocks hold. Source: llama.cpp v0.5.0 src/llama-arch.cpp (names),
// src/llama-model.cpp (optional per-expert tensors) and src/models/*.cpp (the rest).
#pragma once

#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace coe {

// An architecture takes its gating function from one of these places.
enum class GatingSource {
  kFixed,         // written into its graph
  kKeyOrDefault,  // <arch>.expert_gating_func, else the table's value
  kKeyRequired,   // <arch>.expert_gating_func; without it the model does not load
};

// The weights of an expert.
enum class ExpertLayout {
  kSeparate,      // gate, up, down
  kMerged,        // ffn_gate_up_exps and down; separate tensors are accepted too
  kGateOptional,  // up and down, gate where the model has one
  kUngated,       // up and down
};

// A bias added to the probabilities for selection only (exp_probs_b).
enum class SelectionBias { kNone, kOptional, kAlways };

// Blocks that predict further tokens, the last `nextn_predict_layers` of the model.
enum class MtpKind { kNone, kDense, kMoe };

struct ArchFacts {
  std::string_view name;  // general.architecture
  GatingSource source = GatingSource::kFixed;
  Gating gating = Gating::kSoftmax;  // fixed or default value
  ExpertLayout layout = ExpertLayout::kSeparate;
  SelectionBias bias = SelectionBias::kNone;
  MtpKind mtp = MtpKind::kNone;
  bool chunks = false;       // experts_per_group neighbours share tensors and live and die together
  bool output_norm = false;  // an RMS norm follows the summed output of the experts
  // An expert count that must not be changed, 0 for none, and why.
  std::uint32_t unsafe_n_expert = 0;
  std::string_view why_unsafe = {};
};

// All of them, by name.
std::span<const ArchFacts> all_archs();

// Null for architectures that coe does not know.
const ArchFacts* find_arch(std::string_view architecture);

// Suffix of the name of a layer's router: "blk.3.ffn_gate_inp.weight".
inline constexpr std::string_view kRouterSuffix = "ffn_gate_inp.weight";

// "blk.12.ffn_up.weight" → {12, "ffn_up.weight"}; nullopt for tensors outside blocks.
struct BlockName {
  LayerId block;
  std::string_view suffix;
};
std::optional<BlockName> split_block_name(std::string_view name);

// A tensor of a block is this to surgery, judged by the part of its name after "blk.N.".
enum class TensorRole {
  kOther,       // nothing to do with routed experts
  kPerExpert,   // last dimension counts experts
  kRouter,      // the same, and the layer's router
  kChunk,       // last dimension counts chunks of experts_per_group experts (grovemoe)
  kTokenTable,  // maps tokens to expert ids, which are its values (deepseek4)
  kRefused,     // depends on expert ids in a way that coe cannot cut
  kUnknown,     // named like an expert tensor, but coe does not know what it is
};

struct TensorFacts {
  TensorRole role = TensorRole::kOther;
  std::size_t n_dims = 0;        // of kPerExpert, kRouter and kChunk, the last one included
  std::string_view why_refused;  // of kRefused
};

TensorFacts tensor_facts(std::string_view suffix);

// An expert count of `architecture` that must not be changed, with the reason; nullopt when cutting
// is safe.
std::optional<std::string_view> why_unsafe(std::string_view architecture, std::uint32_t n_expert);

// CUDA's fused top-k kernel takes routers of some counts of experts: powers of two up to 512, and
// 288 or 576. Others run unfused. Source: ggml v0.5.0, ggml-cuda/topk-moe.cu.
bool has_fused_top_k(std::uint32_t n_expert);

}  // namespace coe
