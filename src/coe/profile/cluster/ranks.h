// Several ranks record a profile together: each takes a share of the records, and rank 0 adds the
// shares up. Failures are told to all ranks and reported once.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/profile/cluster/communicator.h"
#include "coe/profile/routing/stats.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace coe {

class Ranks {
 public:
  explicit Ranks(Communicator& communicator) : communicator_(communicator) {}

  std::uint32_t rank() const { return communicator_.rank(); }
  std::uint32_t size() const { return communicator_.size(); }
  std::uint32_t n_core() const { return communicator_.n_core(); }
  bool is_first() const { return rank() == 0; }

  // Every rank calls it once, with its share, with nothing (when there are fewer records than
  // ranks), or with why it has none. Rank 0 gets the sum over shares in order of ranks, the others
  // nothing. `n_resumed` counts the tokens of the share that an earlier run had seen. Errors, on
  // every rank with the same code: that of the lowest rank which failed by itself; those of
  // merge_into; kInternal when no rank has a share. Only rank 0 has the message, which names the
  // rank, unless all say the same.
  Result<std::optional<RoutingStats>> add_up(Result<std::optional<RoutingStats>> share,
                                             std::uint64_t n_resumed = 0);

  // Every rank calls it after add_up and gets what rank 0 says.
  bool agree(bool first) { return communicator_.broadcast(first ? 1 : 0) != 0; }
  // After add_up it counts those of all ranks.
  std::uint64_t n_resumed() { return communicator_.exchange(state_).n_resumed; }

  // A rank whose work ended before add_up takes part in it with `error`, unless that is over.
  // Returns what the rank is to report.
  Error conclude(Error error);

 private:
  friend class RankObserver;
  Communicator& communicator_;
  RankState state_;
  bool is_over_ = false;
};

// It stands between the work of a rank and its console. Progress counts all ranks, and the console
// of rank 0 shows it. A failure anywhere cancels the work everywhere.
class RankObserver : public Observer {
 public:
  RankObserver(Ranks& ranks, Observer& console) : ranks_(ranks), console_(console) {}
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total,
                std::string_view unit) override;
  void warning(std::string_view message) override { console_.warning(message); }
  bool cancelled() override;

 private:
  Ranks& ranks_;
  Observer& console_;
};

}  // namespace coe
