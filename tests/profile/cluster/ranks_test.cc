// Ranks agree here without MPI: each rank is a thread, and they meet in memory.
#include "coe/profile/cluster/ranks.h"

#include "coe/corpus/corpus.h"
#include "coe/engine/fake_engine.h"
#include "coe/profile/cluster/communicator.h"
#include "coe/profile/profile.h"
#include "coe/profile/routing/stats.h"

#include "support/expect.h"
#include "support/fake_model.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace coe::testing {
namespace {

// Where the threads meet.
struct Hub {
  explicit Hub(std::uint32_t n) : states(n), payloads(n) {}
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<RankState> states;
  std::vector<std::vector<std::byte>> payloads;
  std::uint32_t n_waiting = 0;
  std::optional<std::int32_t> value;
};

class ThreadRank : public Communicator {
 public:
  ThreadRank(Hub& hub, std::uint32_t rank) : hub_(hub), rank_(rank) {}
  std::uint32_t rank() const override { return rank_; }
  std::uint32_t size() const override { return static_cast<std::uint32_t>(hub_.states.size()); }
  std::uint32_t n_core() const override { return 1; }
  RankState exchange(const RankState& own) override {
    const std::scoped_lock lock(hub_.mutex);
    hub_.states[rank_] = own;
    RankState sum;
    for (const auto& state : hub_.states) {
      sum.n_done += state.n_done;
      sum.n_total += state.n_total;
      sum.n_failed += state.n_failed;
      sum.n_resumed += state.n_resumed;
    }
    return sum;
  }
  void gather(const RankState& own, std::span<const std::byte> bytes, const Take& take) override {
    exchange(own);
    std::unique_lock lock(hub_.mutex);
    hub_.payloads[rank_].assign(bytes.begin(), bytes.end());
    ++hub_.n_waiting;
    hub_.changed.notify_all();
    hub_.changed.wait(lock, [&] { return hub_.n_waiting == size(); });
    if (rank_ != 0) return;
    for (std::uint32_t rank = 0; rank < size(); ++rank) take(rank, hub_.payloads[rank]);
  }
  std::int32_t broadcast(std::int32_t value) override {
    std::unique_lock lock(hub_.mutex);
    if (rank_ == 0) hub_.value = value;
    hub_.changed.notify_all();
    hub_.changed.wait(lock, [&] { return hub_.value.has_value(); });
    return *hub_.value;
  }
  void abort(int /*exit_code*/) override {}

 private:
  Hub& hub_;
  std::uint32_t rank_;
};

using Outcome = Result<std::optional<RoutingStats>>;

// Runs `work` on each rank; what each of them ended with.
std::vector<Outcome> run_ranks(std::uint32_t n, const std::function<Outcome(Ranks&)>& work) {
  Hub hub(n);
  std::vector<Outcome> outcomes(n, fail(Code::kInternal, "not run"));
  std::vector<std::thread> threads;
  threads.reserve(n);
  for (std::uint32_t rank = 0; rank < n; ++rank)
    threads.emplace_back([&, rank] {
      ThreadRank communicator(hub, rank);
      Ranks ranks(communicator);
      outcomes[rank] = work(ranks);
    });
  for (auto& thread : threads) thread.join();
  return outcomes;
}

Corpus five_records() {
  Corpus corpus;
  corpus.digest = "xxh3:corpus";
  corpus.domains = {{"alpha", 1.0, {}}, {"beta", 2.0, {}}};
  for (std::size_t i = 0; i < 4; ++i)
    corpus.domains[0].records.push_back(
        {fmt::format("alpha {}{}", std::string(i * 9, 'a'), i), ""});
  corpus.domains[1].records.push_back({"beta alone", ""});
  return corpus;
}

Outcome profile_share(Ranks& ranks, Observer& console) {
  const auto corpus = five_records();
  if (ranks.rank() >= corpus.n_record()) return std::nullopt;
  FakeEngine engine({});
  ProfileOptions options;
  options.shard = ranks.rank();
  options.n_shard = ranks.size();
  RankObserver observer(ranks, console);
  auto stats = run_profile(engine, fake_model(engine), corpus, options, observer);
  if (!stats) return tl::unexpected(std::move(stats).error());
  return *std::move(stats);
}

TEST(Ranks, SharesAddUpToTheWholeHoweverManyThereAre) {
  const auto whole = value_of(run_ranks(
      1, [](Ranks& ranks) { return ranks.add_up(profile_share(ranks, silent_observer())); })[0]);
  for (const std::uint32_t n : {2U, 3U, 7U}) {
    auto outcomes = run_ranks(
        n, [](Ranks& ranks) { return ranks.add_up(profile_share(ranks, silent_observer())); });
    const auto sum = value_of(outcomes[0]);
    ASSERT_TRUE(sum) << n;
    ASSERT_EQ(sum->domains.size(), 2U);
    for (std::size_t d = 0; d < 2; ++d) {
      EXPECT_EQ(sum->domains[d].name, whole->domains[d].name);
      EXPECT_EQ(sum->domains[d].n_token, whole->domains[d].n_token);
      EXPECT_EQ(sum->domains[d].n_sample, whole->domains[d].n_sample);
      EXPECT_EQ(sum->domains[d].histograms, whole->domains[d].histograms);
      EXPECT_THAT(sum->domains[d].weight_sum,
                  ::testing::Pointwise(::testing::DoubleNear(1e-12), whole->domains[d].weight_sum));
    }
    EXPECT_EQ(sum->corpus_digest, "xxh3:corpus");
    for (std::uint32_t rank = 1; rank < n; ++rank)
      EXPECT_FALSE(value_of(outcomes[rank])) << "only rank 0 has the sum";
  }
}

TEST(Ranks, AFailureIsToldOnceAndEndsAllRanks) {
  const auto outcomes = run_ranks(4, [](Ranks& ranks) -> Outcome {
    if (ranks.rank() == 2) {  // before it could record anything
      return tl::unexpected(
          ranks.conclude({Code::kNotFound, "m.gguf: no such file", "look again"}));
    }
    RankObserver observer(ranks, silent_observer());
    while (!observer.cancelled()) std::this_thread::yield();
    return ranks.add_up(fail(Code::kCancelled, "interrupted"));
  });
  for (const auto& outcome : outcomes) {
    ASSERT_FALSE(outcome);
    EXPECT_EQ(static_cast<int>(outcome.error().code), static_cast<int>(Code::kNotFound));
  }
  EXPECT_EQ(outcomes[0].error().message, "rank 2: m.gguf: no such file");
  EXPECT_EQ(outcomes[0].error().hint, "look again");
  EXPECT_EQ(outcomes[2].error().message, "");
}

TEST(Ranks, OfSeveralFailuresTheLowestRanksIsTold) {
  const auto outcomes = run_ranks(3, [](Ranks& ranks) -> Outcome {
    return ranks.add_up(fail(Code::kEngine, fmt::format("failure {}", ranks.rank())));
  });
  expect_error(outcomes[0], Code::kEngine, "rank 0: failure 0");
  const auto same = run_ranks(3, [](Ranks& ranks) -> Outcome {
    return ranks.add_up(fail(Code::kExists, "p.gguf exists"));
  });
  ASSERT_FALSE(same[0]);
  EXPECT_EQ(same[0].error().message, "p.gguf exists");
  const auto interrupted = run_ranks(2, [](Ranks& ranks) -> Outcome {
    return ranks.add_up(fail(Code::kCancelled, "interrupted"));
  });
  expect_error(interrupted[0], Code::kCancelled, "interrupted");
  EXPECT_EQ(interrupted[0].error().message, "interrupted");
}

TEST(Ranks, SharesOfDifferentModelsDoNotAddUp) {
  const auto outcomes = run_ranks(2, [](Ranks& ranks) {
    auto share = profile_share(ranks, silent_observer());
    if (ranks.rank() == 1) (*share)->parent.digest = "xxh3:other";
    return ranks.add_up(std::move(share));
  });
  expect_error(outcomes[0], Code::kMismatch, "rank 1: ");
  EXPECT_EQ(static_cast<int>(outcomes[1].error().code), static_cast<int>(Code::kMismatch));
}

TEST(Ranks, WithoutAnyShareThereIsNoProfile) {
  const auto outcomes = run_ranks(2, [](Ranks& ranks) { return ranks.add_up(std::nullopt); });
  EXPECT_FALSE(outcomes[0]);
  EXPECT_FALSE(outcomes[1]);
}

TEST(Ranks, SharesNeedATemporaryFolder) {
  ::setenv("TMPDIR", "/nowhere", 1);
  const auto outcomes = run_ranks(
      2, [](Ranks& ranks) { return ranks.add_up(profile_share(ranks, silent_observer())); });
  ::unsetenv("TMPDIR");
  expect_error(outcomes[0], Code::kIo, "no folder for temporary files");
}

// The last word of rank 0's console is the sum over ranks.
class LastProgress : public Observer {
 public:
  void progress(std::string_view, std::uint64_t done, std::uint64_t total,
                std::string_view) override {
    done_ = done;
    total_ = total;
  }
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

TEST(Ranks, ProgressCountsAllRanks) {
  LastProgress console;
  Hub hub(2);
  ThreadRank first(hub, 0);
  ThreadRank second(hub, 1);
  Ranks first_ranks(first);
  Ranks second_ranks(second);
  RankObserver(second_ranks, silent_observer()).progress("profile", 30, 100, "tokens");
  RankObserver(first_ranks, console).progress("profile", 5, 50, "tokens");
  EXPECT_EQ(console.done_, 35U);
  EXPECT_EQ(console.total_, 150U);
}

}  // namespace
}  // namespace coe::testing
