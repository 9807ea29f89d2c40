// From a parent, a mask and text to the tensors of a child that loses less: what stands beside the
// experts of each layer is fitted so that it makes up for those that are gone. No training: each
// layer on its own, on what the parent itself computes. Source: docs/method.md, section "Healing".
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/heal/fit.h"
#include "coe/child/surgery/plan.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/select.h"
#include "coe/engine/engine.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/dequantizer.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/moe/model.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coe {

struct HealOptions {
  HealMethod method = HealMethod::kAdam;
  std::uint64_t n_token = 65536;      // to fit on
  std::uint64_t n_validation = 4000;  // that decide what is kept
  std::uint32_t record_tokens = 256;  // the text is cut into stretches of so many
  std::uint32_t n_step = 300;         // of kAdam
  std::uint64_t seed = 1;
  // Experts that the child uses a token, fewer than the parent: what they would give is made up
  // for, too. 0: as many as the parent.
  std::uint32_t n_used = 0;
  // Of changed matrices; none: the parent's own. Where its blocks do not divide a row: F16.
  std::optional<gguf::TensorType> type = gguf::TensorType::kQ8_0;
  std::string run_settings = {};  // of the engine
  // A folder for what is known so far, made where it is missing, from which a run of the same
  // inputs goes on. What is gathered there serves other methods, too. remove_heal_state() takes it
  // away.
  Path state;
};

struct HealedLayer {
  LayerId layer;
  double error = 0.0;  // as LayerFit has them
  double after = 1.0;
  double gain = 1.0;
  double lambda = 0.0;
  std::string kept;
  std::vector<ReplacedTensor> tensors = {};  // that are not the parent's
};

struct Healing {
  std::vector<HealedLayer> layers;
  std::uint64_t n_fit = 0;  // tokens
  std::uint64_t n_validation = 0;
  std::uint32_t n_ff = 0;  // hidden units of the widest dense FFN that was fitted
  std::string settings;    // all that decides the result
  bool resumed = false;    // some of it was there already

  // Σ error after ÷ Σ error before, over layers, on validation tokens.
  double after() const;
  // Whether it is worth other bytes: by 1 % at least.
  bool helps() const { return after() < .99; }
};

// `engine` runs `parent`, which `model` describes, with a batch and a context of record_tokens at
// least. `mask` has passed check_mask. `fit` and `validation` have no text in common: the caller's
// concern. Errors: kUnsupported for layers without a dense FFN or shared expert, and where an
// engine or a type cannot be used; kInvalidArgument for options that fit nothing; kCorrupt for a
// corpus without a token; those of gather_tokens and fit_layer; kIo.
Result<Healing> heal(Engine& engine, const gguf::GgufFile& parent, const MoeModel& model,
                     const KeepMask& mask, const Corpus& fit, const Corpus& validation,
                     const HealOptions& options, const gguf::Dequantizer& values,
                     const gguf::Quantizer& blocks, Observer& observer);

// What decides the result beside parent, mask and text, as Healing::settings has it.
std::string heal_settings(const HealOptions& options);

// Parts text into what healing fits on and what decides (`held_out`): one record in eight, or whole
// texts where records are pieces. Errors: those of split_off().
Result<Split> split_for_healing(const Corpus& corpus);

// Has a cut write the healed tensors and say so, where the healing helps.
void add_healing(const Healing& healing, const std::string& text_digest, SurgeryOptions& surgery);

// Removes the folder that heal() worked in. What else is in it stays, and so does the folder then.
void remove_heal_state(const Path& state);

}  // namespace coe
