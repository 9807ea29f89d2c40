// verify_child() proves from the files alone that a child is its parent cut by a mask. It shares no
// code with surgery: what surgery plans, it derives again from names and shapes. Source:
// docs/method.md, section 5, post-conditions.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/dequantizer.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coe {

struct VerifyFinding {
  std::string where;    // tensor, key, or "file"
  std::string message;  // names the expert and byte where that makes sense
};

// A norm is the length of a tensor's values as one vector.
struct TensorNorm {
  std::string tensor;
  double l2 = 0.0;
};

// A tensor that healing changed.
struct HealedTensor {
  std::string tensor;
  std::string parent_type;  // "Q4_K"
  std::string type;
  std::optional<double> change;  // ‖child − parent‖ ÷ ‖parent‖; none without a dequantizer
};

// Whether a child may be healed, i.e. have other bytes than its parent where it says so itself.
enum class Healed { kRefuse, kAllow };

struct VerifyReport {
  std::uint64_t n_tensor = 0;  // of the child
  std::uint64_t n_tensor_cut = 0;
  std::uint64_t n_expert_checked = 0;  // expert slabs compared byte for byte
  std::uint64_t n_bytes_compared = 0;
  std::uint32_t n_keep = 0;
  std::uint32_t n_used = 0;          // experts a token, where they are fewer than the parent's
  bool zeroed = false;               // of mode zero: the parent's shape
  bool mtp_dropped = false;          // without the parent's MTP blocks
  std::vector<HealedTensor> healed;  // in file order; with kRefuse each of these is a finding
  // Norms are those of the child's tensors, in file order. There are none without a dequantizer.
  std::vector<TensorNorm> norms;
  bool mask_recovered =
      false;  // no mask was given and none is embedded: kept ids were found from the router rows
  std::vector<VerifyFinding> bad;
  bool ok() const { return bad.empty(); }
};

// Without `mask` the one in the child's coe.* keys is used; without that, kept ids are recovered by
// matching router rows. With a `dequantizer` every value of the child must be finite, and tensor
// norms are taken. Without one (null) only the floats and block scales are looked at. Errors: only
// what prevents checking (files that cannot be opened or parsed, a parent that is not MoE, a mask
// of another model). Every difference is a finding, of which at most 100 are listed.
Result<VerifyReport> verify_child(const Path& parent, const Path& child,
                                  const std::optional<KeepMask>& mask,
                                  const gguf::Dequantizer* dequantizer, Observer& observer,
                                  Healed healed = Healed::kRefuse);

// Does the same for a child that is written but has no name yet: `files` are its parts, in order,
// and `name` stands for it in messages. Errors: kCheckFailed with the first finding; those of
// verify_child().
Result<VerifyReport> prove_child(const Path& parent, std::span<const Path> files, const Path& name,
                                 const KeepMask& mask, const gguf::Dequantizer* dequantizer,
                                 Observer& observer, Healed healed = Healed::kRefuse);

}  // namespace coe
