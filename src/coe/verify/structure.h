// The header half of the proof: keys, tensor list, shapes, padding and length of the child, derived
// from the parent's header alone.
#pragma once

#include "coe/gguf/reader.h"
#include "coe/moe/ids.h"
#include "coe/verify/findings.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace coe {

// The block of a tensor that must be cut, judged by name and shape: routers and their biases,
// selection biases, and every `*_exps` tensor whose last dimension is n_expert.
std::optional<LayerId> expert_layer(const gguf::TensorInfo& tensor, std::uint32_t n_expert);

// A tensor of both files with the shape it must have.
struct TensorPair {
  const gguf::TensorInfo* parent = nullptr;
  const gguf::TensorInfo* child = nullptr;
  std::optional<LayerId> layer;  // of cut tensors
};

// What surgery records about the cut; see docs/formats/gguf-surgery.md.
inline constexpr std::array<std::string_view, 6> kRecordKeys = {
    "coe.version",         "coe.parent.name", "coe.parent.digest",
    "coe.parent.n_expert", "coe.n_keep",      "coe.mask"};

// Keys other than these records must be the parent's, in its order, with <arch>.expert_count =
// n_keep. Further coe.* keys of the child are left alone.
void check_keys(const gguf::Header& parent, const gguf::Header& child,
                std::string_view architecture, std::uint32_t n_keep, Findings& findings);

// The child's tensors must be the parent's, in its order, with n_keep in place of n_expert in the
// last dimension of cut ones. Returns the pairs that are as they must be, in file order.
std::vector<TensorPair> check_tensors(const gguf::Header& parent, const gguf::Header& child,
                                      std::uint32_t n_expert, std::uint32_t n_keep,
                                      Findings& findings);

// Padding must be zero and the file must end with the last tensor's.
void check_padding(const gguf::GgufFile& child, Findings& findings);

}  // namespace coe
