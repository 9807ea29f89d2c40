#include "coe/measure/transfer/masks.h"

#include "measure/tune/fake_bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::FakeBench;
using ::coe::testing::value_of;

TEST(DomainMasks, EachIsTheMaskOfItsTextAlone) {
  FakeBench fake;
  Corpus two = fake.text;
  two.domains.push_back({"b", 1.0, {{"quite other words: xyz", "t"}, {"0123456789", "t"}}});
  const auto both = value_of(run_profile(fake.engine, fake.model, two, {}, silent_observer()));
  Corpus only = two;
  only.domains.erase(only.domains.begin());
  const auto alone = value_of(run_profile(fake.engine, fake.model, only, {}, silent_observer()));
  ProfileSet profiles;
  profiles.add("both", both);
  const auto masks = value_of(domain_masks(profiles, {}, 4));
  ASSERT_EQ(masks.size(), 2U);
  EXPECT_EQ(masks[0].name, "a");
  EXPECT_EQ(masks[1].name, "b");
  EXPECT_FALSE(masks[0].random);
  MaskRecipe recipe;
  recipe.n_keep = 4;
  EXPECT_EQ(masks[0].mask.layers(), value_of(build_mask(fake.stats, recipe)).mask.layers());
  EXPECT_EQ(masks[1].mask.layers(), value_of(build_mask(alone, recipe)).mask.layers());
  EXPECT_NE(masks[0].mask.layers(), masks[1].mask.layers());
}

// A profile that lacks a sub-domain takes no part in its mask.
TEST(DomainMasks, AddUpTheProfilesThatKnowTheText) {
  FakeBench fake;
  Corpus only;
  only.domains.push_back({"b", 1.0, {{"quite other words: xyz", "t"}}});
  const auto other = value_of(run_profile(fake.engine, fake.model, only, {}, silent_observer()));
  ProfileSet profiles;
  profiles.add("a", fake.stats);
  profiles.add("b", other);
  const auto masks = value_of(domain_masks(profiles, {}, 4));
  ASSERT_EQ(masks.size(), 2U);
  MaskRecipe recipe;
  recipe.n_keep = 4;
  EXPECT_EQ(masks[0].mask.layers(), value_of(build_mask(fake.stats, recipe)).mask.layers());
  EXPECT_EQ(masks[1].mask.layers(), value_of(build_mask(other, recipe)).mask.layers());
}

TEST(RandomTransferMask, KeepsWhatTheRandomScoreKeeps) {
  FakeBench fake;
  MaskRecipe recipe;
  recipe.n_keep = 5;
  recipe.score.score = Score::kRandom;
  recipe.score.seed = 7;
  const auto random = value_of(random_transfer_mask(fake.model, 5, 7));
  EXPECT_EQ(random.name, "random-7");
  EXPECT_TRUE(random.random);
  EXPECT_EQ(random.mask.layers(), value_of(build_mask(fake.stats, recipe)).mask.layers());
  EXPECT_EQ(random.mask.parent, fake.model.id);
  expect_error(random_transfer_mask(fake.model, 1, 7), Code::kInvalidArgument, "");
  expect_error(random_transfer_mask(fake.model, 8, 7), Code::kInvalidArgument, "");
}

}  // namespace
}  // namespace coe
