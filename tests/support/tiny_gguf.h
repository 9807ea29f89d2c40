// Builds small GGUF models in memory: a few kilobytes with the tensors, keys and shapes of a real
// MoE architecture and seeded, finite weights. For tests of every room.
#pragma once

#include "coe/base/file.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coe::testing {

struct TinySpec {
  std::string architecture = "qwen3moe";
  std::string name = "Tiny";
  std::uint32_t n_block = 2;
  std::uint32_t n_embd = 32;
  std::uint32_t n_ff = 32;  // of one expert
  std::uint32_t n_expert = 8;
  std::uint32_t n_expert_used = 2;
  std::uint32_t n_group = 0;  // expert_group_count; 0: no key
  std::uint32_t n_group_used = 0;
  std::set<std::uint32_t> dense_blocks = {};  // blocks without a router
  std::string expert_type = "F32";            // of the three expert matrices
  bool merged_gate_up = false;                // ffn_gate_up_exps instead of gate and up
  bool down_scale = false;                    // ffn_down_exps.scale, as gemma4 has
  bool selection_bias = false;                // exp_probs_b.bias
  bool biases = false;                        // ffn_gate_inp.bias and *_exps.bias, as gpt-oss has
  bool shared_expert = false;                 // *_shexp
  std::uint32_t gating = 0;                   // expert_gating_func; 0: no key
  std::uint32_t n_mtp = 0;                    // nextn_predict_layers; the last blocks
  std::uint32_t n_chunk_expert = 0;           // experts_per_group and *_chexps, as grovemoe has
  std::set<std::uint32_t> hash_blocks = {};   // blocks with a token table, as deepseek4 has
  std::uint32_t alignment = 0;                // general.alignment; 0: no key, 32
  std::uint64_t seed = 1;
};

struct TinyGguf {
  std::vector<gguf::KeyValue> keys;
  std::vector<gguf::TensorData> tensors;

  // Replaces in place or appends.
  void set(std::string_view key, gguf::Value value);
  void erase(std::string_view key);
  gguf::TensorData& tensor(std::string_view name);
  void erase_tensor(std::string_view name);
};

// A tensor of seeded finite values (block types get finite scales).
gguf::TensorData tiny_tensor(std::string name, std::string_view type,
                             std::initializer_list<std::uint64_t> ne, std::uint64_t seed);

TinyGguf tiny_moe(const TinySpec& spec);
// A dense model of architecture `llama`.
TinyGguf tiny_dense();

// Writes it and returns `path`; throws when it cannot.
Path write_tiny(const Path& path, const TinyGguf& model);

// The bytes that write_tiny would write.
std::vector<std::byte> tiny_bytes(const TinyGguf& model);

}  // namespace coe::testing
