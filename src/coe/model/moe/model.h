// This says what a GGUF file's MoE part looks like: which layers have a router, which tensors carry
// the expert dimension, how routing works. Inputs: a parsed header. Does not read weights, except
// the few bytes of the digest.
#pragma once

#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/ids.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// Router logits become weights by one of these. Values are those of `<arch>.expert_gating_func`.
enum class Gating : std::uint32_t {
  kSoftmax = 1,
  kSigmoid = 2,
  kSoftmaxWeight = 3,  // softmax over the selected experts only (gpt-oss)
  kSqrtSoftplus = 4,
};
std::string_view gating_name(Gating gating);

// A tensor whose last dimension counts experts; index into Header::tensors.
struct ExpertTensor {
  std::size_t tensor = 0;
  std::uint64_t slab_bytes = 0;  // bytes of one expert in it
  std::size_t axis = 0;          // the dimension of `ne` that counts the slabs
};

struct MoeLayer {
  LayerId id;
  std::size_t router = 0;  // index of blk.N.ffn_gate_inp.weight, also listed in `experts`
  std::vector<ExpertTensor> experts;  // every tensor with one slab an expert, in file order
  std::vector<ExpertTensor> chunks;   // one slab for each chunk of experts (grovemoe)
  // Hash-routed layers (deepseek4): I32 [n_used, n_vocab], the experts of each token.
  std::optional<std::size_t> token_table;
  std::uint64_t expert_bytes = 0;  // one expert over `experts` and its part of `chunks`
};

// A profile, mask or specialist belongs to a model. Files with equal digests have the same tensors
// (see digest()).
struct ModelId {
  std::string name;          // general.name, or the file's stem
  std::string architecture;  // general.architecture
  std::string digest;
  bool operator==(const ModelId&) const = default;
};

struct MoeModel {
  ModelId id;
  std::uint32_t n_block = 0;  // all blocks, dense ones included
  std::uint32_t n_embd = 0;
  std::uint32_t n_expert = 0;
  std::uint32_t n_expert_used = 0;   // top-k
  std::uint32_t n_expert_group = 0;  // 0 or 1: no groups
  std::uint32_t n_group_used = 0;
  std::uint32_t n_chunk_expert = 1;  // experts that live and die together (grovemoe: a chunk)
  std::uint32_t n_mtp = 0;           // last blocks that only predict further tokens
  std::uint32_t n_ctx_train = 0;
  Gating gating = Gating::kSoftmax;
  bool selection_bias = false;  // exp_probs_b present
  bool shared_expert = false;
  std::vector<MoeLayer> layers;       // that ordinary decoding routes in, in block order
  std::vector<MoeLayer> mtp_layers;   // the MoE ones of the MTP blocks: same shapes, no statistics
  std::vector<std::string> warnings;  // unsafe or doubtful points, for people

  // Position in `layers`, or nullopt for dense and MTP blocks.
  std::optional<std::size_t> find_layer(LayerId id) const;
  // One expert over all layers, those of MTP blocks included: by so much a file shrinks for each
  // that is removed.
  std::uint64_t expert_bytes() const;
  // A child with `n_keep` experts a layer of a file of `file_bytes`, but for what the header sheds.
  std::uint64_t bytes_at(std::uint64_t file_bytes, std::uint32_t n_keep) const {
    return file_bytes - expert_bytes() * (n_expert - n_keep);
  }
  bool is_mtp(LayerId block) const {
    return block.value >= n_block - n_mtp && block.value < n_block;
  }
};

// Errors: kUnsupported for a dense model (no router), for an architecture that cannot be cut
// safely, and when names and shapes leave doubt; kCorrupt when keys and tensors contradict each
// other.
Result<MoeModel> describe_moe(const gguf::GgufFile& file);

// Identity of a model's tensors: XXH3-128 over, in the order of names, each tensor's name, type,
// shape and its first and last 4096 bytes, and over all bytes of the routers (F32 and never
// requantised; a few MB). Metadata is not part of it, so an edited chat template keeps the
// identity. Cost: ~10 kB read for each tensor.
// The same for a split model as for the joined one. Errors: kIo.
Result<std::string> model_digest(const gguf::GgufFile& file);

// Identity of the metadata that decides what a model computes: XXH3-128 over each key of the
// architecture and of the tokenizer with its type and value, in the file's order. Epsilon, rope,
// soft caps, vocabulary and chat template are among them; names and records are not.
std::string metadata_digest(const gguf::Header& header);

// Refuses (kMismatch) when `found`, named in a profile, mask or specialist at `path`, is not
// `expected`.
Status check_same_model(const ModelId& expected, const ModelId& found, std::string_view what);

}  // namespace coe
