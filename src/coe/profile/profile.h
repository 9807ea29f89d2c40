// The profiler: runs a corpus through an Engine and fills RoutingStats. Source: method sections 2.1
// and 2.3 (forward mode). Routing is what the engine's own router nodes say; nothing is recomputed
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
#include "coe/engine/engine.h"
#include "coe/moe/model.h"
#include "coe/profile/stability.h"
#include "coe/routing/stats.h"

#include <cstdint>
#include <optional>
#include <string>

namespace coe {

struct ProfileOptions {
  std::uint32_t max_tokens =
      1024;  // longer records are cut into windows of this length; 0: the engine's context
  bool outputs = true;        // also expert output norms (scores ean, reap, reap_sum, share)
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
  std::optional<StabilityOptions> stability =
      std::nullopt;  // watch the mask, and stop once it holds still
};

// What of the options decides the numbers, as text: kept in the profile, so that a later run can
// tell whether it fits.
std::string profile_settings(const ProfileOptions& options);

// `parent` names the model that `engine` runs. The result's tool_version, engine and corpus digest
// are filled in; its command line is the caller's. Errors: kMismatch when engine and model disagree
// on layers or experts; kInvalidArgument for a router temperature that is not above 0, or a K of
// `stability` that no mask can have; kCorrupt when a sub-domain has no token; kEngine; kCancelled.
Result<RoutingStats> run_profile(Engine& engine, const MoeModel& parent, const Corpus& corpus,
                                 const ProfileOptions& options, Observer& observer);

struct CheckpointOptions {
  Path file;             // replaced whole each time; removing it is the caller's
  double seconds = 60;   // at least so long between two of them
  bool resume = false;   // go on from `file`, where there is one
  std::string settings;  // what else decides the bits (the engine's options): must be the same
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
