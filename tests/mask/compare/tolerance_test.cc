#include "coe/mask/compare/tolerance.h"

#include "coe/base/result.h"
#include "coe/mask/compare/overlap.h"
#include "coe/mask/score/score.h"
#include "coe/model/moe/ids.h"

#include "mask/compare/named_masks.h"
#include "support/expect.h"
#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coe {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using testing::expect_error;
using testing::named_mask;
using testing::random_stats;
using testing::shape_of;
using testing::value_of;
using testing::worked_stats;

// Weights of worked_stats in layer 0: 2.5, 1.125, 1.125, 1.25 of 6; layer 1 in reverse.
const std::vector<NamedMask> kMasks = {named_mask("a", 4, {{0, {0, 3}}, {1, {0, 1}}})};

TEST(Tolerance, Golden) {
  const auto found = value_of(tolerance_of("web", worked_stats(), {}, kMasks));
  EXPECT_EQ(found.name, "web");
  EXPECT_THAT(found.layers, ElementsAre(LayerId{0}, LayerId{1}));
  EXPECT_THAT(found.n_keeps, ElementsAre(1, 2, 3, 4));
  for (std::size_t l = 0; l < 2; ++l) {
    EXPECT_THAT(found.curve.row(l),
                ElementsAre(DoubleNear(2.5 / 6, 1e-15), DoubleNear(3.75 / 6, 1e-15),
                            DoubleNear(4.875 / 6, 1e-15), DoubleNear(1.0, 1e-15)));
    EXPECT_THAT(found.enough[l], ElementsAre(3, 4, 4));  // .8125 >= .8, 1 >= .9
    EXPECT_NEAR(found.entropy[l], 0.951684, 1e-6);
  }
  ASSERT_EQ(found.masks.size(), 1U);
  EXPECT_THAT(found.masks[0].layers,
              ElementsAre(DoubleNear(3.75 / 6, 1e-15), DoubleNear(2.375 / 6, 1e-15)));
  EXPECT_NEAR(found.masks[0].mean, 6.125 / 12, 1e-15);
}

TEST(Tolerance, CoversTheAskedScoreButMeasuresEntropyOfUtil) {
  ScoreOptions freq;
  freq.score = Score::kFreq;
  const auto found = value_of(tolerance_of("web", worked_stats(), freq, kMasks));
  EXPECT_DOUBLE_EQ(found.masks[0].layers[0], 0.5);  // chosen 4 and 2 times of 12
  EXPECT_NEAR(found.entropy[0], 0.951684, 1e-6);
}

TEST(Tolerance, KeepsToGroupsAndChunks) {
  auto stats = worked_stats();
  stats.shape.n_expert_group = 2;
  const auto grouped = value_of(tolerance_of("web", stats, {}, kMasks));
  EXPECT_THAT(grouped.n_keeps, ElementsAre(2, 4));
  EXPECT_NEAR(grouped.curve.at(0, 0), 3.75 / 6, 1e-15);  // the best of {0, 1} and of {2, 3}
  stats.shape.n_expert_group = 0;
  stats.shape.n_chunk_expert = 2;
  const auto chunks = value_of(tolerance_of("web", stats, {}, {}));
  EXPECT_THAT(chunks.n_keeps, ElementsAre(2, 4));
  EXPECT_NEAR(chunks.curve.at(0, 0), 3.625 / 6, 1e-15);  // experts 0 and 1 together
}

RC_GTEST_PROP(Tolerance, CurvesRiseAndNoMaskIsAboveThem, (std::uint64_t seed)) {
  const auto stats = random_stats(shape_of(3, 12, 2), {{"css", 0.5}, {"js", 0.5}}, seed);
  const std::vector<NamedMask> masks = {
      named_mask("a", 12, {{0, {0, 1, 2}}, {1, {3, 7, 9}}, {2, {9, 10, 11}}})};
  const auto found = value_of(tolerance_of("p", stats, {}, masks));
  for (std::size_t l = 0; l < 3; ++l) {
    const auto curve = found.curve.row(l);
    RC_ASSERT(std::ranges::is_sorted(curve));
    RC_ASSERT(curve.back() == 1.0);
    RC_ASSERT(found.masks[0].layers[l] <= curve[2] + 1e-12);
    RC_ASSERT(found.entropy[l] >= 0.0 && found.entropy[l] <= 1.0 + 1e-12);
    RC_ASSERT(std::ranges::is_sorted(found.enough[l]));
  }
}

TEST(Tolerance, RefusesMasksOfAnotherModel) {
  const auto stats = worked_stats();
  const auto refuse = [&](const NamedMask& mask, const std::string& part) {
    const std::vector<NamedMask> masks = {mask};
    expect_error(tolerance_of("web.gguf", stats, {}, masks), Code::kMismatch, part);
  };
  refuse(named_mask("m.json", 8, {{0, {0, 3}}, {1, {0, 1}}}),
         "m.json: made for another number of experts (8 vs 4 in web.gguf)");
  refuse(named_mask("m.json", 0, {{0, {0, 3}}, {1, {0, 4}}}),
         "m.json: layer 1: keeps expert 4 but web.gguf has 4 experts");
  refuse(named_mask("m.json", 4, {{0, {0, 3}}}),
         "m.json: says nothing about layer 1, which web.gguf has");
  auto other = kMasks[0];
  other.mask.parent = {"tiny", "qwen3moe", "xxh3:ff"};
  refuse(other, "web.gguf and a: made for another model");
}

TEST(Tolerance, LeavesMtpLayersAside) {
  const std::vector<NamedMask> mtp = {
      named_mask("m.json", 4, {{0, {0, 3}}, {1, {0, 1}}, {2, {0, 1}}})};
  EXPECT_TRUE(tolerance_of("web.gguf", worked_stats(), {}, mtp).has_value());
  auto stats = worked_stats();
  stats.shape.layers = {LayerId{0}, LayerId{2}};
  expect_error(tolerance_of("web.gguf", stats, {}, mtp), Code::kMismatch,
               "web.gguf: says nothing about layer 1, which m.json has");
}

TEST(Tolerance, ProfileMustHaveWhatTheScoreNeeds) {
  const auto stats = random_stats(shape_of(2, 4, 2), {{"css", 1.0}}, 1, /*with_outputs=*/false);
  ScoreOptions reap;
  reap.score = Score::kReapSum;
  EXPECT_FALSE(tolerance_of("web.gguf", stats, reap, {}).has_value());
}

}  // namespace
}  // namespace coe
