// The first half of surgery makes a plan. From a parent's header, its MoE description and a mask it
// derives the child's headers and, for each tensor, the byte ranges of the parent to copy. It
// writes nothing, and it reads no tensor data but what must be rewritten (token tables, biases).
// Source: docs/method.md, section 5. Nothing is requantised: every range is a whole expert slab or
// a whole tensor.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coe {

enum class SurgeryMode {
  kSlice,  // removed experts are gone, <arch>.expert_count is K
  // The parent's shape: removed experts' bytes are zero and a bias makes them unroutable. Only for
  // routers with a bias; a plain softmax router can choose an expert whatever its weights are.
  kZero,
};
std::string_view mode_name(SurgeryMode mode);  // "slice", "zero"

struct ByteRange {
  enum class Source { kParent, kZeros };
  std::uint64_t offset = 0;  // in the parent's file `part`
  std::uint64_t n_bytes = 0;
  std::size_t part = 0;
  Source source = Source::kParent;
};

struct TensorPlan {
  std::size_t source = 0;         // index into the parent's tensors
  std::vector<ByteRange> ranges;  // in output order, neighbours merged; empty when rewritten
  std::vector<std::byte> bytes;   // of a rewritten tensor, all of it
  bool cut = false;               // fewer experts than in the parent, or other ones
};

// One file of the child.
struct PartPlan {
  gguf::Header header;  // its tensors are in the order of `tensors`
  std::vector<std::byte> header_bytes;
  std::vector<TensorPlan> tensors;
};

struct SurgeryPlan {
  std::vector<PartPlan> parts;        // one, unless split_max_bytes asks for more
  std::vector<std::string> warnings;  // what a person should know, e.g. a K without fused kernels
  std::size_t n_tensor = 0;
  std::size_t n_tensor_cut = 0;
  std::uint64_t file_bytes = 0;  // of all parts
};

// A tensor of the parent that the child has other bytes of, in another type perhaps.
struct ReplacedTensor {
  std::string name;
  gguf::TensorType type{};
  std::vector<std::byte> bytes;  // as many as the parent's shape takes in that type
};

struct SurgeryOptions {
  SurgeryMode mode = SurgeryMode::kSlice;
  bool drop_mtp = false;  // remove the MTP blocks instead of cutting them
  // Experts that the child's router chooses for a token; 0: as many as the parent's. Only with
  // provenance, since a proof needs the record.
  std::uint32_t n_used = 0;
  std::uint64_t split_max_bytes = 0;  // tensor data of one file; 0: everything in one
  // Say where the child comes from: coe.* keys (parent name and digest, mask, tool version), and
  // what names.h makes. Without it keys that the cut does not change are the parent's.
  bool provenance = true;
  std::string name = {};  // general.name; empty: child_name(). Only with provenance
  // coe.version; empty: this coe's. To make again, byte for byte, what another one made.
  std::string version = {};
  std::string mask_name = "mask";  // stands for the mask in messages
  // Tensors without experts that the child has other bytes of.
  std::vector<ReplacedTensor> replaced = {};
  std::vector<gguf::KeyValue> records = {};  // of what was replaced; they stand last
};

// Refuses a number of experts that a child is to use a token: kInvalidArgument where it is 0 or not
// below the parent's, kUnsupported where the parent has one count for each block, or a token table
// that chooses.
Status check_experts_used(const gguf::GgufFile& parent, const MoeModel& model,
                          std::uint32_t n_used);

// MTP layers that the mask leaves out keep the lowest ids, for no statistics speak for others.
// The mask may keep all experts where fewer are used.
// Errors: those of check_mask and check_child_name; kUnsupported for kZero where no bias can close
// the router, and for a token table beside a router that is not F32; those of check_experts_used;
// kInvalidArgument for drop_mtp without MTP blocks, for n_used or a name without provenance, and
// for a replaced tensor that the parent lacks, that has experts, or of another size; kIo.
Result<SurgeryPlan> plan_surgery(const gguf::GgufFile& parent, const MoeModel& model,
                                 const KeepMask& mask, const SurgeryOptions& options);

// Returns the names of the child's files: `output`, or NAME-00001-of-0000N.gguf and so on.
std::vector<Path> output_paths(const Path& output, const SurgeryPlan& plan);

}  // namespace coe
