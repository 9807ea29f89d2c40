// The profiler: runs a corpus through an Engine and fills RoutingStats. Source: method sections 2.1
// and 2.3 (forward mode). Routing is what the engine's own router nodes say; nothing is recomputed
// here.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"
#include "coe/moe/model.h"
#include "coe/routing/stats.h"

#include <cstdint>
#include <string>

namespace coe {

struct ProfileOptions {
  std::uint32_t max_tokens =
      1024;  // longer records are cut into windows of this length; 0: the engine's context
  bool outputs = true;  // also expert output norms (scores ean, reap, reap_sum, share)
  std::uint32_t n_engine = 0;  // contexts that take turns; 0: as suits the device
  // Takes the records whose index over the whole corpus is `shard` modulo `n_shard`: profiles of
  // all shards merge to the profile of the whole.
  std::uint32_t shard = 0;
  std::uint32_t n_shard = 1;
};

// What of the options decides the numbers, as text: kept in the profile, so that a later run can
// tell whether it fits.
std::string profile_settings(const ProfileOptions& options);

// `parent` names the model that `engine` runs. The result's tool_version, engine and corpus digest
// are filled in; its command line is the caller's. Errors: kMismatch when engine and model disagree
// on layers or experts; kCorrupt when a sub-domain has no token; kEngine; kCancelled.
Result<RoutingStats> run_profile(Engine& engine, const MoeModel& parent, const Corpus& corpus,
                                 const ProfileOptions& options, Observer& observer);

}  // namespace coe
