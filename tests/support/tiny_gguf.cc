#include "support/tiny_gguf.h"

#include "coe/base/file.h"
#include "coe/base/rng.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::testing {
namespace {

// Random bytes with some bits cleared, so that no two read as a non-finite F16 or BF16, no four as
// a non-finite F32 and none as E8M0's NaN: scales are finite wherever a block type has them.
void fill_finite(std::vector<std::byte>& bytes, Rng& rng) {
  for (auto& byte : bytes) byte = static_cast<std::byte>(rng.below(256)) & std::byte{0xb7};
}

void fill_floats(std::vector<std::byte>& bytes, Rng& rng) {
  for (std::size_t at = 0; at + sizeof(float) <= bytes.size(); at += sizeof(float)) {
    const auto value = static_cast<float>(rng.uniform() * 2 - 1);
    std::memcpy(bytes.data() + at, &value, sizeof(value));
  }
}

constexpr std::uint64_t kVocabulary = 5;

// Different experts for each token.
gguf::TensorData token_table(std::string name, std::uint32_t n_used, std::uint32_t n_expert,
                             std::uint64_t seed) {
  gguf::TensorData tensor;
  tensor.info.name = std::move(name);
  tensor.info.type = gguf::type_from_name("I32").value();
  tensor.info.n_dims = 2;
  tensor.info.ne = {n_used, kVocabulary, 1, 1};
  Rng rng(seed);
  for (std::uint64_t token = 0; token < kVocabulary; ++token) {
    const auto first = rng.below(n_expert);
    for (std::uint32_t k = 0; k < n_used; ++k) {
      const auto id = static_cast<std::int32_t>((first + 3 * k) % n_expert);
      const auto* bytes = reinterpret_cast<const std::byte*>(&id);
      tensor.bytes.insert(tensor.bytes.end(), bytes, bytes + sizeof(id));
    }
  }
  return tensor;
}

template <class T>
T unwrap(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

}  // namespace

void TinyGguf::set(std::string_view key, gguf::Value value) {
  const auto found = std::ranges::find(keys, key, &gguf::KeyValue::key);
  if (found != keys.end())
    found->value = std::move(value);
  else
    keys.push_back({std::string(key), std::move(value)});
}

void TinyGguf::erase(std::string_view key) {
  std::erase_if(keys, [&](const auto& item) { return item.key == key; });
}

gguf::TensorData& TinyGguf::tensor(std::string_view name) {
  const auto found =
      std::ranges::find_if(tensors, [&](const auto& item) { return item.info.name == name; });
  if (found == tensors.end()) throw std::runtime_error(fmt::format("no tensor {}", name));
  return *found;
}

void TinyGguf::erase_tensor(std::string_view name) {
  std::erase_if(tensors, [&](const auto& item) { return item.info.name == name; });
}

gguf::TensorData tiny_tensor(std::string name, std::string_view type,
                             std::initializer_list<std::uint64_t> ne, std::uint64_t seed) {
  gguf::TensorData tensor;
  tensor.info.name = std::move(name);
  tensor.info.type = gguf::type_from_name(type).value();
  tensor.info.n_dims = static_cast<std::uint32_t>(ne.size());
  std::ranges::copy(ne, tensor.info.ne.begin());
  const auto& traits = gguf::traits(tensor.info.type);
  const auto n_value = std::accumulate(ne.begin(), ne.end(), std::uint64_t{1}, std::multiplies<>());
  tensor.bytes.resize(n_value / traits.block_size * traits.block_bytes);
  Rng rng(seed);
  if (type == "F32")
    fill_floats(tensor.bytes, rng);
  else
    fill_finite(tensor.bytes, rng);
  return tensor;
}

TinyGguf tiny_moe(const TinySpec& spec) {
  using gguf::Value;
  TinyGguf model;
  const auto key = [&](std::string_view name) {
    return fmt::format("{}.{}", spec.architecture, name);
  };
  model.set("general.architecture", Value::string(spec.architecture));
  model.set("general.name", Value::string(spec.name));
  if (spec.alignment != 0) model.set("general.alignment", Value::u32(spec.alignment));
  model.set(key("block_count"), Value::u32(spec.n_block));
  model.set(key("context_length"), Value::u32(512));
  model.set(key("embedding_length"), Value::u32(spec.n_embd));
  model.set(key("expert_count"), Value::u32(spec.n_expert));
  model.set(key("expert_used_count"), Value::u32(spec.n_expert_used));
  if (spec.n_group != 0) {
    model.set(key("expert_group_count"), Value::u32(spec.n_group));
    model.set(key("expert_group_used_count"), Value::u32(spec.n_group_used));
  }
  if (spec.gating != 0) model.set(key("expert_gating_func"), Value::u32(spec.gating));
  if (spec.n_mtp != 0) model.set(key("nextn_predict_layers"), Value::u32(spec.n_mtp));
  if (spec.n_chunk_expert != 0)
    model.set(key("experts_per_group"), Value::u32(spec.n_chunk_expert));
  model.set("tokenizer.ggml.model", Value::string("no_vocab"));

  std::uint64_t seed = spec.seed << 20;
  const auto add = [&](std::string name, std::string_view type,
                       std::initializer_list<std::uint64_t> ne) {
    model.tensors.push_back(tiny_tensor(std::move(name), type, ne, seed++));
  };
  const std::uint64_t n_embd = spec.n_embd;
  const std::uint64_t n_ff = spec.n_ff;
  const std::uint64_t n_expert = spec.n_expert;
  add("token_embd.weight", "F32", {n_embd, kVocabulary});
  for (std::uint32_t block = 0; block < spec.n_block; ++block) {
    const auto name = [&](std::string_view suffix) {
      return fmt::format("blk.{}.{}", block, suffix);
    };
    add(name("attn_norm.weight"), "F32", {n_embd});
    add(name("attn_q.weight"), "F16", {n_embd, n_embd});
    if (spec.dense_blocks.contains(block)) {
      add(name("ffn_up.weight"), "F32", {n_embd, n_ff});
      add(name("ffn_down.weight"), "F32", {n_ff, n_embd});
      continue;
    }
    if (spec.selection_bias) add(name("exp_probs_b.bias"), "F32", {n_expert});
    if (spec.down_scale) add(name("ffn_down_exps.scale"), "F32", {n_expert});
    add(name("ffn_down_exps.weight"), spec.expert_type, {n_ff, n_embd, n_expert});
    add(name("ffn_gate_inp.weight"), "F32", {n_embd, n_expert});
    if (spec.architecture == "gemma4") add(name("ffn_gate_inp.scale"), "F32", {n_embd});
    if (spec.merged_gate_up) {
      add(name("ffn_gate_up_exps.weight"), spec.expert_type, {n_embd, 2 * n_ff, n_expert});
    } else {
      add(name("ffn_gate_exps.weight"), spec.expert_type, {n_embd, n_ff, n_expert});
      add(name("ffn_up_exps.weight"), spec.expert_type, {n_embd, n_ff, n_expert});
    }
    if (spec.biases) {
      add(name("ffn_gate_inp.bias"), "F32", {n_expert});
      add(name("ffn_gate_exps.bias"), "F32", {n_ff, n_expert});
      add(name("ffn_up_exps.bias"), "F32", {n_ff, n_expert});
      add(name("ffn_down_exps.bias"), "F32", {n_embd, n_expert});
    }
    if (spec.n_chunk_expert != 0)
      for (const std::string_view part : {"gate", "up", "down"})
        add(name(fmt::format("ffn_{}_chexps.weight", part)), "F32",
            {n_embd, n_ff, n_expert / spec.n_chunk_expert});
    if (spec.hash_blocks.contains(block))
      model.tensors.push_back(
          token_table(name("ffn_gate_tid2eid.weight"), spec.n_expert_used, spec.n_expert, seed++));
    if (block + spec.n_mtp >= spec.n_block) add(name("nextn.enorm.weight"), "F32", {n_embd});
    if (spec.shared_expert) {
      add(name("ffn_up_shexp.weight"), "F32", {n_embd, n_ff});
      add(name("ffn_down_shexp.weight"), "F32", {n_ff, n_embd});
    }
  }
  add("output_norm.weight", "F32", {n_embd});
  return model;
}

TinyGguf tiny_dense() {
  TinyGguf model;
  model.set("general.architecture", gguf::Value::string("llama"));
  model.set("llama.block_count", gguf::Value::u32(1));
  model.set("llama.embedding_length", gguf::Value::u32(32));
  model.tensors.push_back(tiny_tensor("blk.0.ffn_down.weight", "F32", {32, 32}, 1));
  return model;
}

Path write_tiny(const Path& path, const TinyGguf& model) {
  const auto status = gguf::write_gguf(path, model.keys, model.tensors, Overwrite::kAllow);
  if (!status) throw std::runtime_error(status.error().message);
  return path;
}

std::vector<std::byte> tiny_bytes(const TinyGguf& model) {
  gguf::Header header;
  header.keys = model.keys;
  if (const auto* value = header.find_key("general.alignment"); value != nullptr)
    header.alignment = value->as_uint().value();
  for (const auto& tensor : model.tensors) header.tensors.push_back(tensor.info);
  auto bytes = unwrap(gguf::encode_header(header));
  for (const auto& tensor : model.tensors) {
    bytes.insert(bytes.end(), tensor.bytes.begin(), tensor.bytes.end());
    while (bytes.size() % header.alignment != 0) bytes.push_back(std::byte{0});
  }
  return bytes;
}

}  // namespace coe::testing
