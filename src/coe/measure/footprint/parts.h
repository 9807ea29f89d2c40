// Takes a model's file apart and weighs its cuts.
#pragma once

#include "coe/model/moe/open_model.h"

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace coe {

struct FileParts {
  // Bytes by kind of tensor: "experts", "embeddings", "attention", "dense ffn", "other".
  std::map<std::string_view, std::uint64_t> parts;
  std::map<std::string_view, std::uint64_t> types;  // bytes by the name of the tensor type
};
FileParts file_parts(const OpenModel& model);

// Returns the length of the file with n_keep experts a layer.
std::uint64_t bytes_at(const OpenModel& model, std::uint32_t n_keep);

// Lists counts worth showing, which fused GPU kernels like: from three quarters down to an eighth
// of the experts, and none below those used.
std::vector<std::uint32_t> suggested_counts(const MoeModel& model);

}  // namespace coe
