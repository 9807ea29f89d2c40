// A plan says what a profile run will do, before it begins: the records of its shard, tokenised, in
// the order in which they are visited.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/chat.h"
#include "coe/engine/engine.h"
#include "coe/engine/roles.h"
#include "coe/model/moe/model.h"
#include "coe/profile/profile.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coe {

// Refuses (kMismatch) an engine whose graph has other MoE layers or numbers of experts than the
// file that it runs.
Status check_same_layers(const EngineInfo& info, const MoeModel& parent);

// A record: what is counted as one sample, and never split between checkpoints.
struct WorkItem {
  std::size_t domain = 0;                          // row of Corpus::domains
  std::size_t record = 0;                          // row of its records
  std::uint64_t sample = 0;                        // index over the whole corpus
  std::vector<std::vector<std::int32_t>> windows;  // sequences of their own, in order
  std::uint64_t n_token = 0;                       // of all windows
  // With roles: what the tokens of all windows are; when generating, the prompt's text instead.
  Segments segments;
  std::string prompt;
};

// Every record of the corpus, each sub-domain shuffled by itself and spread evenly over the whole:
// every stretch holds the sub-domains in proportion, whatever the order in the file. The same
// numbers of records give the same order; windows are empty.
std::vector<WorkItem> visiting_order(const Corpus& corpus);

struct WorkPlan {
  std::vector<WorkItem> items;
  ChatMarkup markup;  // with roles
  std::uint64_t n_token = 0;
};

// The items of the shard, tokenised. Errors: kCorrupt when there is no token; kCancelled; those of
// Engine::tokenize and plan_chat, naming the record.
Result<WorkPlan> plan_work(Engine& engine, const Corpus& corpus, const ProfileOptions& options,
                           Observer& observer);

}  // namespace coe
