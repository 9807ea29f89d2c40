#include "coe/college/choose/routing_model.h"

#include "coe/engine/fake_engine.h"
#include "coe/model/moe/expert_grid.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::value_of;

ExpertGrid grid_of_two(std::uint32_t n_layer = 2) {
  ExpertGrid grid;
  for (std::uint32_t i = 0; i < n_layer; ++i) grid.layers.push_back(LayerId{i});
  grid.n_expert = 2;
  grid.n_expert_used = 1;
  return grid;
}

// Two domains, one layer, two experts, one used.
RoutingModel worked() { return {grid_of_two(1), {{{3, 1}, 4}, {{1, 5}, 6}}}; }

TEST(RoutingEvidence, IsTheSmoothedLikelihood) {
  // p of the first: 3.5/5, 1.5/5; of the second: 1.5/7, 5.5/7.
  const auto evidence = routing_evidence(worked(), {{1, 3}, 4});
  EXPECT_NEAR(evidence[0], (std::log(0.7) + 3 * std::log(0.3)) / 2, 1e-12);
  EXPECT_NEAR(evidence[1], (std::log(1.5 / 7) + 3 * std::log(5.5 / 7)) / 2, 1e-12);
}

TEST(CheckRoutingModel, RefusesWhatCannotBe) {
  expect_ok(check_routing_model(worked()));
  auto model = worked();
  model.domains[1].counts[0] = 2;
  expect_error(check_routing_model(model), Code::kCorrupt, "domain 1, layer 0");
  model = worked();
  model.domains[0].counts = {5, -1};
  expect_error(check_routing_model(model), Code::kCorrupt, "a count of 5");
  model = worked();
  model.domains[0].counts = {3, 0};
  expect_error(check_routing_model(model), Code::kCorrupt, "counts sum to 3");
  model = worked();
  model.domains[0].n_token = 0;
  expect_error(check_routing_model(model), Code::kCorrupt, "of 0 tokens");
  model.domains[0].n_token = std::int64_t{1} << 41;
  expect_error(check_routing_model(model), Code::kCorrupt, "tokens");
  model = worked();
  model.domains.resize(1);
  expect_error(check_routing_model(model), Code::kCorrupt, "1 domains");
  model = worked();
  model.grid.n_expert_used = 3;
  expect_error(check_routing_model(model), Code::kCorrupt, "3 used");
  model = worked();
  model.grid.layers.clear();
  expect_error(check_routing_model(model), Code::kCorrupt, "0 layers");
}

ExpertGrid fake_grid(const FakeEngineOptions& options, std::uint32_t n_layer) {
  ExpertGrid grid;
  for (std::uint32_t i = 0; i < n_layer; ++i) grid.layers.push_back(LayerId{i});
  grid.n_expert = options.n_expert;
  grid.n_expert_used = options.n_expert_used;
  return grid;
}

TEST(RoutingReader, CountsTheChoicesOfEachToken) {
  const FakeEngineOptions options{.n_layer = 3, .n_batch = 5};
  auto reader =
      value_of(RoutingReader::make(std::make_unique<FakeEngine>(options), fake_grid(options, 2)));
  const auto counts = value_of(reader.read("abcabcab"));
  EXPECT_EQ(counts.n_token, 8);
  ASSERT_EQ(counts.counts.size(), 16U);  // the third layer is passed over
  for (std::size_t layer = 0; layer < 2; ++layer)
    EXPECT_EQ(std::accumulate(counts.counts.begin() + static_cast<std::ptrdiff_t>(8 * layer),
                              counts.counts.begin() + static_cast<std::ptrdiff_t>(8 * layer + 8),
                              std::int64_t{0}),
              16);
  // Routing depends on the token: parts add up to the whole.
  auto sum = value_of(reader.read("abc"));
  sum.add(value_of(reader.read("abcab")));
  EXPECT_EQ(sum.counts, counts.counts);
  sum.subtract(counts);
  EXPECT_EQ(sum.counts, std::vector<std::int64_t>(16, 0));
  EXPECT_EQ(sum.n_token, 0);
}

TEST(RoutingReader, ReadsNoMoreThanItIsTold) {
  const FakeEngineOptions options{.n_ctx = 32};
  auto reader =
      value_of(RoutingReader::make(std::make_unique<FakeEngine>(options), fake_grid(options, 2)));
  EXPECT_EQ(value_of(reader.read(std::string(100, 'a'))).n_token, 32);
  EXPECT_EQ(value_of(reader.read(std::string(100, 'a'), 10)).n_token, 10);
  EXPECT_EQ(value_of(reader.read("")).n_token, 0);
}

TEST(RoutingReader, AnswersSeveralThreads) {
  const FakeEngineOptions options;
  auto reader =
      value_of(RoutingReader::make(std::make_unique<FakeEngine>(options), fake_grid(options, 2)));
  const auto expected = value_of(reader.read("hello")).counts;
  std::vector<std::thread> threads;
  std::vector<int> n_same(4, 0);
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const auto found = reader.read("hello");
        n_same[t] += static_cast<int>(found && found->counts == expected);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(n_same, std::vector<int>(4, 50));
}

TEST(RoutingReader, RefusesBlocksOfAnother) {
  const FakeEngineOptions options;
  auto grid = fake_grid(options, 3);
  expect_error(RoutingReader::make(std::make_unique<FakeEngine>(options), grid), Code::kMismatch,
               "no layer 2");
  grid = fake_grid(options, 2);
  grid.n_expert = 16;
  expect_error(RoutingReader::make(std::make_unique<FakeEngine>(options), grid), Code::kMismatch,
               "8 experts");
}

TEST(RoutingReader, PassesOnWhatTheEngineSays) {
  const FakeEngineOptions options{.fail_at_decode = 1};
  auto reader =
      value_of(RoutingReader::make(std::make_unique<FakeEngine>(options), fake_grid(options, 2)));
  expect_error(reader.read("a"), Code::kEngine, "told to fail");
}

}  // namespace
}  // namespace coe
