#include "coe/mask/compare/overlap.h"

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/ids.h"

#include "mask/compare/named_masks.h"
#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using ::testing::HasSubstr;
using testing::LayerIds;
using testing::named_mask;
using testing::value_of;

TEST(JaccardByChance, IsAThirdAtHalf) {
  EXPECT_DOUBLE_EQ(jaccard_by_chance(64, 64, 128), 1.0 / 3);
  EXPECT_DOUBLE_EQ(jaccard_by_chance(8, 8, 8), 1.0);
  EXPECT_DOUBLE_EQ(jaccard_by_chance(2, 4, 8), 1.0 / 5);  // one of two is expected in the four
}

TEST(Overlap, GoldenOfThreeMasks) {
  const std::vector<NamedMask> masks = {
      named_mask("a", 8, {{0, {0, 1, 2, 3}}, {3, {0, 1, 2, 3}}}),
      named_mask("b", 8, {{0, {0, 1, 4, 5}}, {3, {1, 2, 3, 4}}}),
      named_mask("c", 0, {{0, {0, 1, 2, 7}}, {3, {1, 2, 3, 7}}}),
  };
  const auto overlap = value_of(overlap_of(masks));
  EXPECT_EQ(overlap.n_expert, 8U);
  EXPECT_THAT(overlap.layers, ElementsAre(LayerId{0}, LayerId{3}));
  EXPECT_THAT(overlap.backbone[0], ElementsAre(ExpertId{0}, ExpertId{1}));
  EXPECT_THAT(overlap.backbone[1], ElementsAre(ExpertId{1}, ExpertId{2}, ExpertId{3}));
  EXPECT_THAT(overlap.residual[0][0], ElementsAre(ExpertId{2}, ExpertId{3}));
  EXPECT_THAT(overlap.residual[2][0], ElementsAre(ExpertId{2}, ExpertId{7}));
  EXPECT_THAT(overlap.residual[1][1], ElementsAre(ExpertId{4}));

  ASSERT_EQ(overlap.pairs.size(), 3U);
  const auto& ab = overlap.pairs[0];
  EXPECT_EQ(ab.a, 0U);
  EXPECT_EQ(ab.b, 1U);
  EXPECT_THAT(ab.jaccard, ElementsAre(1.0 / 3, 0.6));  // 2 of 6, 3 of 5
  EXPECT_DOUBLE_EQ(ab.jaccard_mean, 7.0 / 15);
  EXPECT_EQ(ab.lowest, 0U);
  EXPECT_EQ(ab.highest, 1U);
  EXPECT_DOUBLE_EQ(ab.f1[0], 0.5);   // 2*2 / (4+4)
  EXPECT_DOUBLE_EQ(ab.f1[1], 0.75);  // 2*3 / (4+4)
  EXPECT_DOUBLE_EQ(ab.f1_mean, 0.625);
  EXPECT_THAT(ab.a_to_b.layers, ElementsAre(0.0, 0.0));
  EXPECT_EQ(ab.a_to_b.pooled, 0.0);
  const auto& ac = overlap.pairs[1];
  EXPECT_EQ(ac.b, 2U);
  EXPECT_THAT(ac.jaccard, ElementsAre(0.6, 0.6));
  EXPECT_EQ(ac.lowest, 0U);  // the first of equals
  EXPECT_EQ(ac.highest, 0U);
  EXPECT_THAT(ac.a_to_b.layers, ElementsAre(0.5, 0.0));
  EXPECT_DOUBLE_EQ(*ac.a_to_b.pooled, 1.0 / 3);  // 1 + 0 of 2 + 1
}

TEST(Overlap, IsDirectedWhereKDiffers) {
  const std::vector<NamedMask> masks = {named_mask("a", 8, {{0, {0, 1}}}),
                                        named_mask("b", 8, {{0, {0, 1, 2}}}),
                                        named_mask("c", 8, {{0, {0, 5}}})};
  const auto pairs = value_of(overlap_of(masks)).pairs;
  EXPECT_DOUBLE_EQ(pairs[0].jaccard[0], 2.0 / 3);
  EXPECT_DOUBLE_EQ(pairs[0].f1[0], 0.8);  // 2*2 / (2+3)
  EXPECT_EQ(pairs[0].a_to_b.pooled, 1.0);
  EXPECT_EQ(pairs[0].b_to_a.pooled, 0.5);
  EXPECT_EQ(pairs[1].a_to_b.pooled, 0.0);
}

TEST(Overlap, EmptyResidualHasNoShare) {
  const std::vector<NamedMask> masks = {named_mask("a", 8, {{0, {0, 1}}, {1, {0, 1}}}),
                                        named_mask("b", 8, {{0, {0, 1, 2}}, {1, {0, 1, 3}}})};
  const auto pair = value_of(overlap_of(masks)).pairs[0];
  EXPECT_EQ(pair.a_to_b.pooled, std::nullopt);
  EXPECT_THAT(pair.a_to_b.layers, ElementsAre(std::nullopt, std::nullopt));
  EXPECT_EQ(pair.b_to_a.pooled, 0.0);
}

TEST(Overlap, LettersGoOnAfterZ) {
  EXPECT_EQ(mask_letter(0), "A");
  EXPECT_EQ(mask_letter(25), "Z");
  EXPECT_EQ(mask_letter(26), "AA");
  EXPECT_EQ(mask_letter(27), "AB");
  EXPECT_EQ(mask_letter(26 + 26 * 26), "AAA");
}

// Random masks, K of each its own.
std::vector<NamedMask> arbitrary_masks(std::size_t n_mask, std::uint64_t seed) {
  Rng rng(seed);
  const auto n_expert = static_cast<std::uint32_t>(rng.between(2, 40));
  const auto n_layer = static_cast<std::uint32_t>(rng.between(1, 5));
  std::vector<NamedMask> masks;
  for (std::size_t m = 0; m < n_mask; ++m) {
    const auto n_keep = static_cast<std::size_t>(rng.between(1, n_expert));
    LayerIds layers;
    for (std::uint32_t layer = 0; layer < n_layer; ++layer) {
      std::vector<std::uint32_t> ids(n_expert);
      std::iota(ids.begin(), ids.end(), 0U);
      rng.shuffle(std::span(ids));
      ids.resize(n_keep);
      layers[2 * layer] = ids;
    }
    masks.push_back(named_mask(std::string(1, static_cast<char>('a' + m)), n_expert, layers));
  }
  return masks;
}

RC_GTEST_PROP(Overlap, SwapsWithTheMasks, (std::uint64_t seed)) {
  auto masks = arbitrary_masks(2, seed);
  const auto there = value_of(overlap_of(masks));
  std::swap(masks[0], masks[1]);
  const auto back = value_of(overlap_of(masks));
  RC_ASSERT(there.pairs[0].jaccard == back.pairs[0].jaccard);
  RC_ASSERT(there.pairs[0].f1 == back.pairs[0].f1);
  RC_ASSERT(there.pairs[0].a_to_b.pooled == back.pairs[0].b_to_a.pooled);
  RC_ASSERT(there.backbone == back.backbone);
  // The backbone of two is all that they share.
  RC_ASSERT(there.pairs[0].a_to_b.pooled.value_or(0.0) == 0.0);
  for (std::size_t l = 0; l < there.layers.size(); ++l) {
    const double jaccard = there.pairs[0].jaccard[l];
    RC_ASSERT(jaccard >= 0.0 && jaccard <= 1.0);
    RC_ASSERT(there.pairs[0].f1[l] >= jaccard && there.pairs[0].f1[l] <= 1.0);
  }
}

RC_GTEST_PROP(Overlap, OrderOfMasksDoesNotMatter, (std::uint64_t seed)) {
  auto masks = arbitrary_masks(4, seed);
  const auto forward = value_of(overlap_of(masks));
  std::ranges::reverse(masks);
  const auto backward = value_of(overlap_of(masks));
  RC_ASSERT(forward.backbone == backward.backbone);
  const std::size_t last = masks.size() - 1;
  for (const auto& pair : forward.pairs) {
    const auto found = std::ranges::find_if(backward.pairs, [&](const PairOverlap& other) {
      return other.a == last - pair.b && other.b == last - pair.a;
    });
    RC_ASSERT(found != backward.pairs.end());
    RC_ASSERT(found->jaccard == pair.jaccard);
    RC_ASSERT(found->a_to_b.pooled == pair.b_to_a.pooled);
    RC_ASSERT(found->b_to_a.layers == pair.a_to_b.layers);
  }
}

TEST(Overlap, RefusesWhatCannotBeCompared) {
  const auto one = named_mask("one.json", 8, {{0, {0, 1}}, {1, {2, 3}}});
  const auto refuse = [&](const NamedMask& other, const std::string& part) {
    const std::vector<NamedMask> masks = {one, other};
    expect_error(overlap_of(masks), Code::kMismatch, part);
    const std::vector<NamedMask> swapped = {other, one};
    EXPECT_FALSE(overlap_of(swapped).has_value());
  };
  expect_error(overlap_of(std::vector<NamedMask>{one}), Code::kInvalidArgument, "two masks");
  refuse(named_mask("b.json", 16, {{0, {0, 1}}, {1, {2, 3}}}),
         "b.json: made for another number of experts (16 vs 8 in one.json)");
  refuse(named_mask("b.json", 0, {{0, {0, 1}}, {1, {2, 9}}}),
         "b.json: layer 1: keeps expert 9 but one.json was made for 8 experts");
  refuse(named_mask("b.json", 8, {{0, {0, 1}}}),
         "b.json: says nothing about layer 1, which one.json has");
  refuse(named_mask("b.json", 8, {{0, {0, 1}}, {1, {2, 3}}, {7, {0, 1}}, {9, {0, 1}}}),
         "one.json: says nothing about layers 7, 9, which b.json has");
}

TEST(Overlap, RefusesAnotherParentWhereverItStands) {
  std::vector<NamedMask> masks(3, named_mask("x", 8, {{0, {0, 1}}}));
  masks[0].name = "first.json";
  masks[1].name = "plain.json";
  masks[2].name = "last.json";
  masks[0].mask.parent = {"Model", "gemma4", "xxh3:1"};
  masks[2].mask.parent = {"Model", "gemma4", "xxh3:2"};
  expect_error(overlap_of(masks), Code::kMismatch, "first.json and last.json: made for another");
  masks[2].mask.parent = {"", "qwen3moe", ""};
  expect_error(overlap_of(masks), Code::kMismatch, "`qwen3moe` vs `gemma4`");
  masks[2].mask.parent = masks[0].mask.parent;
  EXPECT_TRUE(overlap_of(masks).has_value());
}

// The reference work's own masks; figures worked out independently of coe.
TEST(Overlap, ReferenceMasksOfPhysicsAndMath) {
  const Path folder = COE_SOURCE_DIR "/../shared/models/reference-masks";
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "the reference masks are not beside the checkout";
  std::vector<NamedMask> masks;
  for (const auto* name : {"physics.json", "math.json"}) {
    const auto text = value_of(read_text(folder / name));
    masks.push_back({name, value_of(parse_mask(text, name))});
  }
  const auto overlap = value_of(overlap_of(masks));
  const auto& pair = overlap.pairs[0];
  ASSERT_EQ(overlap.layers.size(), 30U);
  EXPECT_NEAR(pair.jaccard_mean, 0.8288, 5e-5);
  EXPECT_NEAR(pair.jaccard[pair.lowest], 0.7297, 5e-5);
  EXPECT_NEAR(pair.jaccard[pair.highest], 0.9394, 5e-5);
  EXPECT_EQ(pair.a_to_b.pooled, 0.0);  // two masks: the backbone is all they share
  EXPECT_GT(pair.f1_mean, 0.9);
}

}  // namespace
}  // namespace coe
