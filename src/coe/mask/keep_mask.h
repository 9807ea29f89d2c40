// KeepMask: which experts of each MoE layer a specialist keeps. Native JSON (`coe.mask/1`,
// docs/formats/keep-mask.md) and the reference form {"0": [ids], …} are both read; native or plain
// is written.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/kept_experts.h"
#include "coe/model/moe/model.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// One entry of a mask's recipe, e.g.
// {"pass":"domain","score":"util","blend":"token","profile":{…}}: kept as compact JSON text so that
// a mask round-trips recipes it does not know.
struct MaskPass {
  std::string json;
  bool operator==(const MaskPass&) const = default;
};

class KeepMask {
 public:
  // `layers`: ids in any order. Invariant established here: at least one layer, the same number of
  // ids in each and at least one, ids sorted, unique and below n_expert. Errors: kCorrupt, naming
  // layer and ids. n_expert 0 = unknown (plain masks do not say): only sortedness, uniqueness and
  // equal counts are checked.
  static Result<KeepMask> create(std::uint32_t n_expert,
                                 std::map<LayerId, std::vector<ExpertId>> layers);
  // The same of experts that are sets already. Errors: as create().
  static Result<KeepMask> of(std::uint32_t n_expert, KeptExperts kept);

  std::uint32_t n_expert() const { return n_expert_; }
  std::uint32_t n_keep() const { return n_keep_; }
  const KeptExperts& layers() const { return layers_; }
  bool keeps(LayerId layer, ExpertId expert) const;

  // Identity of what is kept, whatever it was made of: "xxh3:" and 32 hexadecimal digits.
  std::string digest() const;

  // The parent it was made for; empty fields when unknown (plain masks).
  ModelId parent;
  std::vector<MaskPass> passes;

  bool operator==(const KeepMask&) const = default;

 private:
  std::uint32_t n_expert_ = 0;
  std::uint32_t n_keep_ = 0;
  KeptExperts layers_;
};

// `name` stands for the source in messages. Every level of the JSON is checked for keys given
// twice. Errors: kCorrupt (with the JSON position, layer or id); kUnsupported for a newer schema
// version.
Result<KeepMask> parse_mask(std::string_view json, std::string_view name);
// The same of a file. Errors: those of read_text, too.
Result<KeepMask> read_mask(const Path& file);
// Native form, or with `plain` the reference form (layers only). Deterministic; ends in a newline.
// parse_mask of the native form gives an equal mask. Each pass must hold a JSON object in one line.
std::string mask_to_json(const KeepMask& mask, bool plain);

// The text that the mask was made of, as its passes say: names of the sub-domains that pass 1
// scored by, the roles of a chat as one. Empty where it does not say, and for a random mask.
std::vector<std::string> mask_domains(const KeepMask& mask);
// At most three of them, and then how many more there are: "css+react+vue+2".
std::string mask_domain(const KeepMask& mask);

// Keeps every expert of every MoE layer, those of MTP blocks too.
KeepMask mask_of_all(const MoeModel& model);

// Whether a mask may keep every expert: where something else than experts is taken away.
enum class KeepAll { kRefuse, kAllow };
// `n_used`: as SurgeryOptions has it.
inline KeepAll may_keep_all(std::uint32_t n_used) {
  return n_used > 0 ? KeepAll::kAllow : KeepAll::kRefuse;
}

// kMismatch when the mask belongs to another model, lacks a MoE layer (MTP blocks may be left out)
// or names one that is not MoE or ids above N; kInvalidArgument when K is below the experts used,
// equals N (nothing to cut, unless that is allowed), breaks chunks, or breaks expert groups: the
// same number of groups must survive in every layer, with the same number of experts, at least 2,
// in each.
Status check_mask(const KeepMask& mask, const MoeModel& model, std::string_view mask_name,
                  KeepAll keep_all = KeepAll::kRefuse);

// Groups of experts that a mask which passed check_mask leaves, 1 where the model has none.
std::uint32_t kept_groups(const KeepMask& mask, const MoeModel& model);

}  // namespace coe
