// These facts of a specialist are known when it is packaged: from its own file, from what
// `coe specialize` left beside it, and from its parent where that is given. Facts that are not
// known stay empty here and are said to be missing in the package.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/surgery/records.h"
#include "coe/mask/keep_mask.h"
#include "coe/measure/eval/slice_check.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"
#include "coe/model/moe/open_model.h"
#include "coe/specialize/chat_stage.h"
#include "coe/specialize/domain_result.h"
#include "coe/specialize/heal_summary.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coe {

struct ChildFacts {
  ModelId id;
  CutRecords cut;
  std::string given_name;  // coe.name: what `--name` said when it was cut
  KeepMask mask;
  std::string mask_text;  // as the file carries it
  std::uint32_t n_block = 0;
  std::uint32_t n_mtp = 0;
  std::uint32_t n_expert = 0;
  std::uint32_t n_expert_used = 0;
  std::uint32_t n_ctx_train = 0;
  std::uint64_t bytes = 0;
  std::string quantization;  // "Q4_K_M", by general.file_type
  std::string license;       // general.license
  std::string license_link;  // general.license.link
  std::string chat_template;
  bool needs_text_part = false;          // text_part.h
  std::vector<std::string> stops;        // what the vocabulary's end-of-turn tokens spell
  std::vector<std::string> base_models;  // "ORG/NAME" on the Hugging Face Hub, the nearest first
};

// Errors: those of open_model; kUnsupported for a file of several parts, and for one without the
// records of a cut, which coe did not make; kCorrupt for records that contradict each other.
Result<ChildFacts> child_facts(const OpenModel& child);

struct ParentFacts {
  std::string name;
  std::string file;  // its name without folders
  std::uint64_t bytes = 0;
  std::string sha256;
  bool mtp_dropped = false;  // the child lacks its MTP blocks
  std::string license;
  std::string license_link;
  std::vector<std::string> base_models;
};

// Reads all of the parent. Errors: those of open_model and sha256_file; kMismatch where the child
// is another model's.
Result<ParentFacts> parent_facts(const Path& parent, const OpenModel& child,
                                 const ChildFacts& facts, Observer& observer);

// A routing profile that the mask's passes name.
struct ProfileFacts {
  std::string digest;
  std::string corpus;  // digest of the text
  std::uint64_t n_token = 0;
  std::string engine;
  std::vector<std::string> domains;
  std::vector<std::string> passes;  // that went by it
};
// In the order in which the passes name them.
std::vector<ProfileFacts> profile_facts(const KeepMask& mask);

// The names of the passes, with what each of them did: "whitelist: 4 swaps".
std::vector<std::string> pass_words(const KeepMask& mask);

struct EvaluationFacts {
  std::string sha256;  // of its file
  std::string corpus;  // digest of the text
  std::string engine;
  std::vector<DomainResult> rows;
  std::size_t n_random = 0;
  std::optional<SliceCheck> slice_check;
  std::optional<ChatText> chats;
};

// Reads NAME.eval.json beside the child. nullopt where there is none; with a warning where it is
// of another mask, parent or healing, or cannot be read.
std::optional<EvaluationFacts> evaluation_facts(const Path& child, const ChildFacts& facts,
                                                Observer& observer);

struct ChatFacts {
  ChatChecks checks;
  std::uint32_t max_new_tokens = 0;  // of an answer
};

// Reads NAME.chat.json beside the child, as evaluation_facts() reads the evaluation.
std::optional<ChatFacts> chat_facts(const Path& child, const ChildFacts& facts, Observer& observer);

// Reads NAME.heal.json beside the child, as evaluation_facts() reads the evaluation.
std::optional<HealSummary> heal_facts(const Path& child, const ChildFacts& facts,
                                      Observer& observer);

// Holds the child to `mask_file`, or to NAME.mask.json beside it where that is empty and there is
// one. Errors: kMismatch, saying what differs; those of parse_mask.
Status check_given_mask(const Path& child, const Path& mask_file, const ChildFacts& facts);

// The first difference between masks, in words; empty where they keep the same experts. From block
// `first_mtp` on `found` may leave layers out.
std::string mask_difference(const KeepMask& expected, const KeepMask& found,
                            std::uint32_t first_mtp);

}  // namespace coe
