// The header half of the proof holds keys, tensor list, shapes, padding and length of the child to
// what the parent's header alone says.
#pragma once

#include "coe/child/verify/findings.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/kept_experts.h"
#include "coe/model/moe/model.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// A form is the kind of cut that the child's header claims to be.
struct CutForm {
  bool zero = false;         // the parent's shape with removed experts zeroed
  bool mtp_dropped = false;  // the MTP blocks are gone
  std::uint32_t n_used = 0;  // experts a token, where the child records fewer; 0: the parent's
  std::uint32_t n_keep = 0;  // in zero form: the parent's count, until a mask says otherwise
};

enum class PairKind {
  kWhole,        // equal, byte for byte
  kExperts,      // one slab an expert
  kChunks,       // one slab a chunk of experts
  kTokenTable,   // expert ids, renumbered
  kClosingBias,  // zero form: the bias that keeps removed experts from being chosen
  kHealed,       // other bytes, in another type perhaps, as the child says (healed.h)
};

// A pair is a tensor of both files with the shape it must have.
struct TensorPair {
  const gguf::TensorInfo* parent = nullptr;
  const gguf::TensorInfo* child = nullptr;
  PairKind kind = PairKind::kWhole;
  LayerId layer;             // of all but kWhole
  std::uint32_t n_slab = 1;  // of kExperts and kChunks, in the parent
  std::size_t axis = 0;      // the dimension of `ne` that counts them
};

// The digests of tensors that a child says to have healed, by name.
using HealRecord = std::map<std::string, std::string, std::less<>>;

// Surgery records these keys about the cut; see docs/formats/gguf-surgery.md.
inline constexpr std::array<std::string_view, 7> kRecordKeys = {
    "coe.version",         "coe.mode",   "coe.parent.name", "coe.parent.digest",
    "coe.parent.n_expert", "coe.n_keep", "coe.mask"};

// The name that the child was given; without it the name follows from the cut.
inline constexpr std::string_view kNameRecord = "coe.name";
// The number of experts used; without it it is the parent's.
inline constexpr std::string_view kUsedRecord = "coe.n_used";

// Keys other than these records must be the parent's, in its order, except for what the cut
// changes: the expert count, how many are used, the groups when `kept` leaves out whole ones, and
// what counts the blocks when the MTP ones are gone. What names.h judges is left to it. Further
// coe.* keys of the child are left alone.
void check_keys(const gguf::Header& parent, const gguf::Header& child, const MoeModel& model,
                const CutForm& form, const KeptExperts& kept, Findings& findings);

// The child's tensors must be the parent's, in its order, with n_keep in place of n_expert in the
// last dimension of cut ones, and in its types but for those of `healed`, which have no experts.
// Returns the pairs that are as they must be, in file order.
std::vector<TensorPair> check_tensors(const gguf::Header& parent, const gguf::Header& child,
                                      const MoeModel& model, const CutForm& form,
                                      const HealRecord& healed, Findings& findings);

// In every file of the child, padding must be zero and the file must end with the last tensor's.
Status check_padding(const gguf::GgufFile& child, Findings& findings);

}  // namespace coe
