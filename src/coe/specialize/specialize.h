// The main job in one call: profile, mask in all its passes, prune, verify, evaluate. Each stage's
// file is kept beside the output and used again when it still fits, so an interrupted run resumes
// and a second run is quick.
#pragma once

#include "coe/ask/ask.h"
#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/heal/heal.h"
#include "coe/child/surgery/expert_counts.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/intake/taken.h"
#include "coe/engine/engine_library.h"
#include "coe/mask/recipe/aggregate.h"
#include "coe/mask/recipe/pass_options.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/mask/recon/recon.h"
#include "coe/measure/chat_check/chat_check.h"
#include "coe/measure/eval/eval.h"
#include "coe/measure/eval/noise_floor.h"
#include "coe/measure/eval/slice_check.h"
#include "coe/profile/profile.h"
#include "coe/specialize/chat_stage.h"
#include "coe/specialize/domain_result.h"
#include "coe/specialize/heal_summary.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// A stage of a run, as far as is known when the first work begins.
struct PlannedStage {
  enum class State {
    kToDo,
    kGoesOn,  // an earlier run was stopped in it
    kThere,   // its file is there, and is used if it is of this run: earlier stages decide that
    kReused,
    kDone,  // before the first work: it took no time
  };
  std::string name;
  Path file;  // empty for verify
  State state = State::kToDo;
};

// Is told how a run goes, for people who watch it.
struct StageHooks {
  // Called once, before the first stage that takes time: what is reused, and what comes.
  std::function<void(std::span<const PlannedStage>)> plan = {};
  // Called when stage `at` (from 0) of the plan begins to work.
  std::function<void(const PlannedStage&, std::size_t at)> begin = {};
};

struct SpecializeOptions {
  EngineOptions engine;  // engine.model is the parent
  Corpus corpus;         // its sub-domains are the specialist's own; empty with `profile` and
                         // `evaluation`
  Corpus evaluation;     // held-out text; empty: every tenth record of the corpus is held out
  // A finished profile of the domain, to try another K or other passes by; empty: one is made.
  Path profile;

  std::uint32_t n_keep = 0;  // K
  std::uint32_t n_used = 0;  // experts that the child uses a token; 0: as many as the parent
  Score score = Score::kUtil;
  bool choose_score = false;  // by validation text: another tenth of the corpus; see choose_score()
  bool recon = false;         // choose_score: try a table of recon, too; else: go by one
  ReconOptions recon_options;
  AggregateChoice aggregate;                 // of pass 1
  PassOptions passes;                        // their files are profiles, or text
  TextSpec text_spec = default_text_spec();  // of these texts
  bool own_whitelist = true;                 // the domain's profile is in the whitelist
  bool other_temperature = false;  // CoT text is profiled at router temperature 0.6, too, to filter
  Corpus cot_questions;            // the parent answers them first; its thinking is the CoT text
  AskOptions cot_ask{.thinking = true};

  // Fit what stands beside the experts after the cut, on the text of the profile and that of
  // passes; heal.h. `state` and `run_settings` are the run's.
  std::optional<HealOptions> heal;
  ProfileOptions profiling;
  EvalOptions eval;
  bool chat_check = true;  // ask the child eight questions; see check_chats()
  ChatCheckOptions chat_check_options;
  std::uint32_t n_random = 3;      // random masks of the same size to compare with; seeds 1, 2, …
  double checkpoint_seconds = 60;  // between two states of a profile; 0: none is kept
  Path output;
  std::string name;  // of the child (general.name); empty: made of the parent's and the domain
  Overwrite overwrite = Overwrite::kRefuse;
  std::string command_line;
  // Is told what was taken of the texts that passes name, and what is held out; empty: nobody is.
  std::function<void(std::string_view)> note = {};
  StageHooks stages = {};
};

// What a specialist is measured on.
struct HeldOut {
  bool is_given = false;     // apart from the profile's text; else a part of that
  std::uint64_t n_text = 0;  // whole files, chats and records, where it is such a part
  std::uint64_t n_record = 0;
};

struct StageReport {
  std::string name;
  Path file;            // empty for verify
  bool reused = false;  // its file fitted and was kept
  double wall_s = 0.0;
};

// One score that was tried.
struct TriedScore {
  std::string name;
  double kl_mean = 0.0;  // on the validation text
  bool chosen = false;
};

struct SpecializeReport {
  std::vector<StageReport> stages;
  HeldOut held_out;
  std::vector<Taken> taken;  // of the texts that passes name
  std::string name;          // of the child
  ExpertCounts counts;
  std::uint64_t bytes_parent = 0;
  std::uint64_t bytes_child = 0;
  BuiltMask built;
  std::string aggregate;                  // blend_name of pass 1
  std::vector<TriedScore> scores;         // with choose_score
  std::uint64_t n_expert_checked = 0;     // by verify
  std::optional<HealSummary> healing;     // where it was asked for
  std::vector<DomainResult> domains;      // own ones first
  std::optional<SliceCheck> slice_check;  // none where the engine cannot say what layers give
  std::optional<NoiseFloor> noise;        // on a GPU
  std::optional<ChatText> chats;          // none where the parent has no chat template
  std::optional<ChatChecks> chat_check;   // none where it was not asked for
};

// Stage files of output DIR/NAME.gguf: DIR/NAME.{profile.gguf,mask.json,gguf,eval.json,chat.json},
// and where they are asked for NAME.heal.json, NAME.cot/ (traces), NAME.USE.profile.gguf (of text
// that passes name; USE as in ProfileUse), NAME.recon.gguf and NAME.choice.json. Errors: those of
// the stages; kMismatch for profiles of another model; kExists when a stage's file is there but
// belongs to another run (named by what differs) and `overwrite` is kRefuse, and when another
// process makes the same output; kUnsupported, before any work, where a layer cannot be healed; kIo
// when there is no room for the child; kCheckFailed when the child fails its proof (the child is
// removed) or its layers do not compute what the masked parent's do.
Result<SpecializeReport> specialize(const SpecializeOptions& options, const EngineLibrary& library,
                                    Observer& observer);

}  // namespace coe
