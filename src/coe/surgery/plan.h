// Surgery, first half: a pure plan. From a parent's header, its MoE description and a mask it
// derives the child's header and, for each tensor, the byte ranges of the parent to copy. Reads no
// tensor data, writes nothing. Source: method section 5. Nothing is requantised: every range is a
// whole expert slab or a whole tensor.
#pragma once

#include "coe/base/result.h"
#include "coe/gguf/reader.h"
#include "coe/mask/keep_mask.h"
#include "coe/moe/model.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct ByteRange {
  std::uint64_t offset = 0;  // in the parent file
  std::uint64_t n_bytes = 0;
};

struct TensorPlan {
  std::size_t source = 0;         // index into the parent's tensors
  std::vector<ByteRange> ranges;  // in output order, neighbours merged
  bool cut = false;
};

struct SurgeryPlan {
  gguf::Header header;  // of the child; its tensors are in the order of `tensors`
  std::vector<std::byte> header_bytes;
  std::vector<TensorPlan> tensors;
  std::vector<std::string> warnings;  // what a person should know, e.g. a K without fused kernels
  std::size_t n_tensor_cut = 0;
};

struct SurgeryOptions {
  bool provenance = true;          // write coe.* keys: parent name and digest, mask, tool version
  std::string mask_name = "mask";  // stands for the mask in messages
};

// Errors: those of check_mask; kUnsupported for split parents.
Result<SurgeryPlan> plan_surgery(const gguf::GgufFile& parent, const MoeModel& model,
                                 const KeepMask& mask, const SurgeryOptions& options);

}  // namespace coe
