#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;
using ::coe::testing::value_of;

// Layers 1 and 3 are MoE: block 0 and 2 are dense.
MoeModel model() {
  MoeModel moe;
  moe.id = {"Tiny", "gemma4", "xxh3:aa"};
  moe.n_block = 4;
  moe.n_expert = 8;
  moe.n_expert_used = 2;
  moe.layers.resize(2);
  moe.layers[0].id = LayerId{1};
  moe.layers[1].id = LayerId{3};
  return moe;
}

KeepMask mask_of(const std::map<std::uint32_t, std::vector<std::uint32_t>>& layers,
                 std::uint32_t n_expert = 8) {
  std::map<LayerId, std::vector<ExpertId>> typed;
  for (const auto& [layer, ids] : layers)
    for (const auto id : ids) typed[LayerId{layer}].push_back(ExpertId{id});
  auto mask = value_of(KeepMask::create(n_expert, typed));
  mask.parent = {"Tiny", "gemma4", "xxh3:aa"};
  return mask;
}

TEST(CheckMask, AcceptsAMaskOfTheModel) {
  auto mask = mask_of({{1, {0, 1, 2, 7}}, {3, {4, 5, 6, 7}}});
  expect_ok(check_mask(mask, model(), "m.json"));
  mask.parent.name = "a copy under another name";
  expect_ok(check_mask(mask, model(), "m.json"));
}

TEST(CheckMask, AcceptsAPlainMask) {
  auto mask = mask_of({{1, {0, 1}}, {3, {4, 5}}}, 0);
  mask.parent = {};
  expect_ok(check_mask(mask, model(), "m.json"));
}

TEST(CheckMask, RefusesAMaskOfAnotherModel) {
  auto mask = mask_of({{1, {0, 1}}, {3, {4, 5}}});
  mask.parent = {"Other", "gemma4", "xxh3:bb"};
  expect_error(check_mask(mask, model(), "m.json"), Code::kMismatch,
               "m.json: made for model `Other` (digest xxh3:bb), not for `Tiny` (digest xxh3:aa)");
  // A name that both have is said once.
  const std::string once =
      "m.json: made for another model than `Tiny` (digest xxh3:bb, not xxh3:aa)";
  for (const auto* name : {"Tiny", ""}) {
    mask.parent = {name, "gemma4", "xxh3:bb"};
    expect_error(check_mask(mask, model(), "m.json"), Code::kMismatch, once);
  }
  mask.parent = {"", "qwen3moe", ""};  // all that it says
  expect_error(check_mask(mask, model(), "m.json"), Code::kMismatch, "qwen3moe");
}

TEST(CheckMask, RefusesAnotherNumberOfExperts) {
  auto mask = mask_of({{1, {0, 1}}, {3, {4, 5}}}, 16);
  mask.parent = {};
  expect_error(check_mask(mask, model(), "m.json"), Code::kMismatch,
               "m.json: made for another number of experts (16 vs 8 in `Tiny`)");
}

TEST(CheckMask, RefusesMissingAndExtraLayers) {
  expect_error(check_mask(mask_of({{1, {0, 1}}}), model(), "m.json"), Code::kMismatch,
               "m.json: says nothing about layer 3");
  expect_error(check_mask(mask_of({{7, {0, 1}}}), model(), "m.json"), Code::kMismatch,
               "m.json: says nothing about layers 1, 3");
  expect_error(
      check_mask(mask_of({{0, {0, 1}}, {1, {0, 1}}, {3, {0, 1}}, {9, {0, 1}}}), model(), "m.json"),
      Code::kMismatch, "m.json: names layers 0, 9 but `Tiny` has no experts there");
}

TEST(CheckMask, RefusesIdsAboveN) {
  auto mask = mask_of({{1, {0, 1}}, {3, {4, 4294967295}}}, 0);
  expect_error(check_mask(mask, model(), "m.json"), Code::kMismatch,
               "m.json: layer 3: keeps expert 4294967295 but the experts are 0 to 7");
}

TEST(CheckMask, RefusesKBelowTheExpertsUsed) {
  const auto result = check_mask(mask_of({{1, {0}}, {3, {4}}}), model(), "m.json");
  expect_error(result, Code::kInvalidArgument,
               "m.json: K = 1 is below the 2 experts used per token");
  EXPECT_EQ(result.error().hint, "choose K of at least 2");
  expect_ok(check_mask(mask_of({{1, {0, 1}}, {3, {4, 5}}}), model(), "m.json"));
}

TEST(CheckMask, RefusesToCutNothing) {
  const std::vector<std::uint32_t> all = {0, 1, 2, 3, 4, 5, 6, 7};
  expect_error(check_mask(mask_of({{1, all}, {3, all}}), model(), "m.json"), Code::kInvalidArgument,
               "m.json: K = 8 keeps every expert");
}

// Two groups, experts 0-3 and 4-7, of which a token may use one.
MoeModel grouped() {
  auto moe = model();
  moe.n_expert_group = 2;
  moe.n_group_used = 1;
  return moe;
}

TEST(CheckMask, HoldsGroupsToEqualCounts) {
  expect_ok(check_mask(mask_of({{1, {0, 3, 4, 5}}, {3, {1, 2, 6, 7}}}), grouped(), "m.json"));
  expect_error(check_mask(mask_of({{1, {0, 3, 4, 5}}, {3, {1, 2, 3, 7}}}), grouped(), "m.json"),
               Code::kInvalidArgument,
               "m.json: layer 3: group 0 (experts 0 to 3) keeps 3 instead of 2");
  expect_error(check_mask(mask_of({{1, {0, 3, 4}}, {3, {1, 2, 6}}}), grouped(), "m.json"),
               Code::kInvalidArgument,
               "m.json: K = 3 cannot be spread evenly over 2 expert groups, 2 or more in each");
  expect_error(check_mask(mask_of({{1, {0, 4}}, {3, {1, 6}}}), grouped(), "m.json"),
               Code::kInvalidArgument,
               "m.json: K = 2 cannot be spread evenly over 2 expert groups");
}

TEST(CheckMask, AcceptsTheLossOfWholeGroups) {
  auto moe = grouped();
  const auto mask = mask_of({{1, {0, 1, 3}}, {3, {4, 6, 7}}});
  expect_ok(check_mask(mask, moe, "m.json"));
  EXPECT_EQ(kept_groups(mask, moe), 1U);
  EXPECT_EQ(kept_groups(mask_of({{1, {0, 3, 4, 5}}, {3, {1, 2, 6, 7}}}), moe), 2U);
  EXPECT_EQ(kept_groups(mask, model()), 1U);  // a model without groups
  // Not as many groups in every layer.
  expect_error(check_mask(mask_of({{1, {0, 1, 2, 3}}, {3, {1, 2, 6, 7}}}), moe, "m.json"),
               Code::kInvalidArgument, "m.json: layer 3: group 0 (experts 0 to 3) keeps 2");
  moe.n_expert_group = 4;
  moe.n_group_used = 3;
  expect_error(check_mask(mask_of({{1, {0, 1, 2, 3}}, {3, {0, 1, 2, 3}}}), moe, "m.json"),
               Code::kInvalidArgument, "leaves 2 expert groups, below the 3 that a token uses");
}

TEST(CheckMask, KeepsChunksWhole) {
  auto moe = model();
  moe.n_chunk_expert = 2;
  expect_ok(check_mask(mask_of({{1, {0, 1, 6, 7}}, {3, {2, 3, 4, 5}}}), moe, "m.json"));
  const auto status = check_mask(mask_of({{1, {0, 1, 6, 7}}, {3, {2, 3, 5, 6}}}), moe, "m.json");
  expect_error(status, Code::kInvalidArgument,
               "m.json: layer 3: keeps expert 5 without expert 4 of its chunk");
}

TEST(CheckMask, LetsMtpLayersBeNamedOrLeftOut) {
  auto moe = model();
  moe.mtp_layers.emplace_back();
  moe.mtp_layers.back().id = LayerId{4};
  expect_ok(check_mask(mask_of({{1, {0, 1}}, {3, {4, 5}}}), moe, "m.json"));
  expect_ok(check_mask(mask_of({{1, {0, 1}}, {3, {4, 5}}, {4, {6, 7}}}), moe, "m.json"));
  expect_error(check_mask(mask_of({{1, {0, 1}}, {3, {4, 5}}, {5, {6, 7}}}), moe, "m.json"),
               Code::kMismatch, "m.json: names layer 5");
}

TEST(CheckMask, HoldsGroupsToEnoughReachableExperts) {
  auto moe = grouped();
  moe.n_expert_used = 3;
  expect_error(check_mask(mask_of({{1, {0, 3, 4, 5}}, {3, {1, 2, 6, 7}}}), moe, "m.json"),
               Code::kInvalidArgument,
               "m.json: K = 4 leaves 2 experts in the 1 groups that a token may use, below the 3");
}

TEST(CheckMask, RefusesGroupsOfUnequalSize) {
  auto moe = grouped();
  moe.n_expert_group = 3;
  expect_error(check_mask(mask_of({{1, {0, 3, 4}}, {3, {1, 2, 6}}}), moe, "m.json"),
               Code::kMismatch, "m.json: `Tiny` has 8 experts in 3 groups of unequal size");
}

}  // namespace
}  // namespace coe
