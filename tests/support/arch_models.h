// Tiny random models of every MoE architecture that llama.cpp v0.5.0 runs: a few hundred kilobytes
// that it loads and decodes like the real ones. llama.cpp itself says which tensors an architecture
// wants; the values are ours. For tests that prove surgery on all of them.
#pragma once

#include "coe/base/file.h"

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace coe::testing {

// Options that an architecture has no use for are refused, so that no test believes in a variant
// that is none.
struct ArchModelSpec {
  std::string architecture;
  std::uint32_t n_expert = 16;
  std::uint32_t n_expert_used = 2;
  std::uint32_t n_group = 0;  // expert_group_count; 0: no key
  std::uint32_t n_group_used = 0;
  std::uint32_t n_mtp = 0;          // nextn_predict_layers: blocks that predict further tokens
  std::uint32_t n_hash_layer = 0;   // deepseek4: layers that route by a table of tokens
  std::uint32_t gating = 2;         // expert_gating_func, where it is read; 0: no key
  bool merged_gate_up = false;      // ffn_gate_up_exps instead of gate and up
  bool selection_bias = true;       // exp_probs_b, where the architecture has it
  bool uneven_layers = false;       // nemotron_h_moe: layers differ in top-k and in experts' width
  bool expert_scales = false;       // ffn_*_exps.scale and .input_scale
  std::string expert_type = "F32";  // of the experts' matrices
  std::uint64_t seed = 1;
};

// Returns what a test's parameter is called in reports.
inline std::ostream& operator<<(std::ostream& out, const ArchModelSpec& spec) {
  return out << spec.architecture;
}

inline constexpr std::uint32_t kArchVocabulary = 64;

// Every architecture that write_arch_model knows, in order of names.
std::vector<std::string_view> arch_model_names();

// Writes the model and returns `path`; throws std::runtime_error when llama.cpp does not take the
// hyperparameters (it aborts the process on some).
Path write_arch_model(const Path& path, const ArchModelSpec& spec);

}  // namespace coe::testing
