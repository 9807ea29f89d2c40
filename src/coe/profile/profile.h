// The profiler: runs a corpus through an Engine and fills RoutingStats. Source: docs/method.md,
// sections 2.1 and 2.3. Routing is what the engine's own router nodes say; nothing is recomputed
// here.
//
// The records are visited in an order of the profiler's own (profile/plan.h), always the same for
// the same text: every part of a run looks like the whole, and a run that was stopped and resumed
// gives the bytes of one that was not.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/chat.h"
#include "coe/engine/engine.h"
#include "coe/engine/roles.h"
#include "coe/model/moe/model.h"
#include "coe/profile/routing/stats.h"
#include "coe/profile/stability.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace coe {

struct GenerateOptions {
  Sampling sampling;  // each record has a seed of its own, made of this one and its index
  std::uint32_t max_new_tokens = 1024;
  bool thinking = true;  // off: as the model's template switches it off
};

struct Generated {
  std::string text;          // prompt, what the model wrote, and the token that ended it if any
  bool ended = false;        // false: cut off by max_new_tokens or the context
  std::size_t n_prompt = 0;  // tokens
  std::size_t n_new = 0;     // tokens that the model wrote, without the one that ended it
};

// A sample says what became of one record of a run with roles. References are valid only during the
// call.
struct ChatSample {
  const SubDomain& domain;
  const Record& record;
  const Segments& segments;
  const Generated* generated;  // null unless the run generates
};

struct ProfileOptions {
  std::uint32_t max_tokens =
      1024;  // longer records are cut into windows of this length; 0: the engine's context
  bool outputs = true;        // also expert output norms (scores ean, reap, reap_sum, share)
  bool squares = false;       // with outputs, also the squares of their norms (score msan)
  bool coactivation = false;  // also which experts are chosen together: 8*L*E*E bytes a sub-domain
  // T > 0: each router weight w enters the sums as w^(1/T), scaled so that the token's weights keep
  // their sum. For a softmax renormalised over the R chosen that is the softmax at temperature T;
  // where weights are scaled or not renormalised only their ratios change. 1 leaves every bit.
  double router_temperature = 1.0;
  std::uint32_t n_engine = 0;  // contexts that take turns; 0: as suits the device
  // Takes the records whose index over the whole corpus is `shard` modulo `n_shard`: profiles of
  // all shards merge to the profile of the whole, up to rounding of sums.
  std::uint32_t shard = 0;
  std::uint32_t n_shard = 1;
  // Virtual surgery: profiles the parent as the specialist that `filter` leaves; must outlive the
  // run. `mask_digest` (KeepMask::digest) goes with it, into the profile.
  const ExpertFilter* filter = nullptr;
  std::string mask_digest = {};
  std::optional<StabilityOptions> stability =
      std::nullopt;  // watch the mask, and stop once it holds still
  // Each record is a chat in the markup of the model's template; a sub-domain becomes one for each
  // role that occurs: `web` becomes `web/prompt`, `web/thinking`, `web/closing`, `web/answer`, all
  // with its weight. A record's tokens of a role are a sample of that role's sub-domain.
  bool roles = false;
  std::uint32_t closing_window = 32;  // tokens; see Role::kClosing
  // With roles: each record is a question that the model answers, in its template; routing is
  // recorded while it does. Instead of windows: a question and its answer share the context.
  std::optional<GenerateOptions> generate = std::nullopt;
  // run_settings() of the engine: goes into the profile's settings.
  std::string run_settings = {};
  // With roles: called after each record that was run; an error ends the run.
  std::function<Status(const ChatSample&)> on_chat = nullptr;
};

// All of the options that decides the numbers, as text: kept in the profile, so that a later run
// can tell whether it fits.
std::string profile_settings(const ProfileOptions& options);

// `parent` names the model that `engine` runs. The result's tool_version, engine and corpus digest
// are filled in; its command line is the caller's. Errors: kMismatch when engine and model disagree
// on layers or experts; kInvalidArgument for a router temperature that is not above 0, or a K of
// `stability` that no mask can have; kCorrupt when a sub-domain has no token, or with roles a
// record has no turn of the model; with roles kUnsupported when the model has no chat template;
// kEngine; kCancelled.
Result<RoutingStats> run_profile(Engine& engine, const MoeModel& parent, const Corpus& corpus,
                                 const ProfileOptions& options, Observer& observer);

// In what a profile differs from that which such a run would give: "model (…)", "corpus (…)", or
// the name of a setting; nullopt where it is the same run's.
std::optional<std::string> profile_difference(const RoutingStats& found, const MoeModel& parent,
                                              const Corpus& corpus, const ProfileOptions& options);

struct CheckpointOptions {
  Path file;            // replaced whole each time; removing it is the caller's
  double seconds = 60;  // at least so long between two of them
  bool resume = false;  // go on from `file`, where there is one
};

struct ProfileRun {
  RoutingStats stats;  // with the command line of the run that began it
  std::optional<StabilityReport> stability;
  std::int64_t n_resumed = 0;  // tokens of `stats` that an earlier run had seen
};

// run_profile that can be killed at any moment: the same bytes come out however often it was
// stopped and resumed. The state is written between records: each `seconds`, when interrupted, and
// when the engine fails. A checkpoint that cannot be written is a warning. Errors, besides those of
// run_profile: kMismatch when the checkpoint belongs to another model, text, settings, engine or
// version of coe; those of read_checkpoint.
Result<ProfileRun> run_profile(Engine& engine, const MoeModel& parent, const Corpus& corpus,
                               const ProfileOptions& options, const CheckpointOptions& checkpoint,
                               const std::string& command_line, Observer& observer);

}  // namespace coe
