// The profiler: runs a corpus through an Engine and fills RoutingStats. Source: method sections 2.1
// and 2.3. Routing is what the engine's own router nodes say; nothing is recomputed here.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/chat.h"
#include "coe/engine/engine.h"
#include "coe/moe/model.h"
#include "coe/profile/roles.h"
#include "coe/routing/stats.h"

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

// What became of one record of a run with roles. References are valid only during the call.
struct ChatSample {
  const SubDomain& domain;
  const Record& record;
  const Segments& segments;
  const Generated* generated;  // null unless the run generates
};

struct ProfileOptions {
  std::uint32_t max_tokens =
      1024;  // longer records are cut into windows of this length; 0: the engine's context
  bool outputs = true;  // also expert output norms (scores ean, reap, reap_sum, share)
  std::uint32_t n_engine = 0;  // contexts that take turns; 0: as suits the device
  // Takes the records whose index over the whole corpus is `shard` modulo `n_shard`: profiles of
  // all shards merge to the profile of the whole.
  std::uint32_t shard = 0;
  std::uint32_t n_shard = 1;
  // Each record is a chat in the markup of the model's template; a sub-domain becomes one for each
  // role that occurs: `web` becomes `web/prompt`, `web/thinking`, `web/closing`, `web/answer`, all
  // with its weight. A record's tokens of a role are a sample of that role's sub-domain.
  bool roles = false;
  std::uint32_t closing_window = 32;  // tokens; see Role::kClosing
  // With roles: each record is a question that the model answers, in its template; routing is
  // recorded while it does. Instead of windows: a question and its answer share the context.
  std::optional<GenerateOptions> generate = std::nullopt;
  // With roles: called after each record that was run; an error ends the run.
  std::function<Status(const ChatSample&)> on_chat = nullptr;
};

// What of the options decides the numbers, as text: kept in the profile, so that a later run can
// tell whether it fits.
std::string profile_settings(const ProfileOptions& options);

// `parent` names the model that `engine` runs. The result's tool_version, engine and corpus digest
// are filled in; its command line is the caller's. Errors: kMismatch when engine and model disagree
// on layers or experts; kCorrupt when a sub-domain has no token, or with roles a record has no turn
// of the model; with roles kUnsupported when the model has no chat template; kEngine; kCancelled.
Result<RoutingStats> run_profile(Engine& engine, const MoeModel& parent, const Corpus& corpus,
                                 const ProfileOptions& options, Observer& observer);

}  // namespace coe
