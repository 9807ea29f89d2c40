#include "coe/profile/plan.h"

#include "coe/base/rng.h"
#include "coe/corpus/window.h"
#include "coe/profile/chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace coe {

namespace {

constexpr std::uint64_t kOrderSeed = 1;

}  // namespace

Status check_same_layers(const EngineInfo& info, const MoeModel& parent) {
  bool same = info.n_expert == parent.n_expert && info.n_expert_used == parent.n_expert_used &&
              info.moe_layers.size() == parent.layers.size();
  for (std::size_t i = 0; same && i < parent.layers.size(); ++i)
    same = info.moe_layers[i] == parent.layers[i].id;
  if (same) return {};
  return fail(
      Code::kMismatch,
      fmt::format("{}: the engine sees {} MoE layers of {} experts ({} used), the file says "
                  "{} of {} ({} used)",
                  parent.id.name, info.moe_layers.size(), info.n_expert, info.n_expert_used,
                  parent.layers.size(), parent.n_expert, parent.n_expert_used));
}

std::vector<WorkItem> visiting_order(const Corpus& corpus) {
  // A record's place is the middle of its part of the whole, (2 rank + 1) / (2 n).
  struct Place {
    WorkItem item;
    std::uint64_t odd = 0;
    std::uint64_t n = 0;
  };
  std::vector<Place> places;
  std::uint64_t first = 0;
  for (std::size_t d = 0; d < corpus.domains.size(); ++d) {
    const std::size_t n = corpus.domains[d].records.size();
    std::vector<std::size_t> records(n);
    for (std::size_t i = 0; i < n; ++i) records[i] = i;
    Rng rng(kOrderSeed);
    rng.shuffle(std::span(records));
    for (std::size_t rank = 0; rank < n; ++rank) {
      WorkItem item;
      item.domain = d;
      item.record = records[rank];
      item.sample = first + records[rank];
      places.push_back({std::move(item), 2 * rank + 1, n});
    }
    first += n;
  }
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.odd * b.n < b.odd * a.n; });
  std::vector<WorkItem> order;
  order.reserve(places.size());
  for (auto& place : places) order.push_back(std::move(place.item));
  return order;
}

Result<WorkPlan> plan_work(Engine& engine, const Corpus& corpus, const ProfileOptions& options,
                           Observer& observer) {
  COE_CHECK(options.n_shard > 0 && options.shard < options.n_shard);
  const EngineInfo& info = engine.info();
  const std::size_t max_tokens =
      options.max_tokens == 0 ? info.n_ctx : std::min<std::size_t>(options.max_tokens, info.n_ctx);
  WorkPlan plan;
  if (options.roles) {
    COE_TRY(plan.markup, engine.chat_markup());
  }
  for (auto& item : visiting_order(corpus)) {
    if (item.sample % options.n_shard != options.shard) continue;
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    const auto& record = corpus.domains[item.domain].records[item.record];
    if (options.roles) {
      COE_TRY(auto work, plan_chat(engine, plan.markup, record, options));
      item.windows = std::move(work.windows);
      item.segments = std::move(work.segments);
      item.prompt = std::move(work.prompt);
    } else {
      auto tokens = engine.tokenize(record.text);
      if (!tokens) return tl::unexpected(std::move(tokens).error().context(record.where));
      item.windows = split_windows(*tokens, max_tokens, info.bos_token);
    }
    for (const auto& window : item.windows) item.n_token += window.size();
    plan.n_token += item.n_token;
    plan.items.push_back(std::move(item));
  }
  if (plan.n_token == 0)
    return fail(Code::kCorrupt, "the corpus has no token in this shard",
                "use fewer shards or a larger corpus");
  return plan;
}

}  // namespace coe
