// A text model as Ollama converts it when it has a vision tower: one file with both, and a few
// names of its own.
#pragma once

#include "support/tiny_gguf.h"

#include <string>
#include <string_view>

namespace coe::testing {

// Puts tensors of a tower before and behind the model's own, and the tower's keys among its keys.
inline void add_tower(TinyGguf& model) {
  auto& tensors = model.tensors;
  tensors.insert(tensors.begin(), tiny_tensor("v.patch_embd.weight", "F16", {4, 4, 3, 8}, 91));
  tensors.insert(tensors.begin() + 3, tiny_tensor("v.blk.0.attn_q.weight", "F32", {32, 32}, 92));
  tensors.push_back(tiny_tensor("v.clamp_data", "F32", {11}, 93));
  tensors.push_back(tiny_tensor("mm.input_projection.weight", "F32", {32, 32}, 94));
  tensors.push_back(tiny_tensor("a.blk.0.conv_dw.weight", "F32", {5, 32}, 95));
  model.set("gemma4.vision.block_count", gguf::Value::u32(1));
  model.set("gemma4.vision.embedding_length", gguf::Value::u32(32));
  model.set("gemma4.audio.block_count", gguf::Value::u32(1));
}

// The names by which the first of these files differ from llama.cpp's.
inline void use_ollama_names(TinyGguf& model) {
  constexpr std::string_view kScale = "ffn_down_exps.scale";
  for (auto& tensor : model.tensors)
    if (auto& name = tensor.info.name; name.ends_with(kScale))
      name.replace(name.size() - kScale.size(), kScale.size(), "ffn_gate_inp.per_expert_scale");
  model.set("tokenizer.ggml.model", gguf::Value::string("llama"));
}

}  // namespace coe::testing
