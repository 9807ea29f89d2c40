#include "coe/recipe/table_mask.h"

#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/score/table.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::value_of;
using ::testing::ElementsAre;

// Layer 1 loses 3, 0, 1, 2 in this order; layer 4 loses 0, 1, 2, 3.
ScoreTable table() {
  ScoreTable table;
  table.score = "recon";
  table.parent = {"Tiny", "gemma4", "xxh3:1"};
  table.layers = {LayerId{1}, LayerId{4}};
  table.n_expert_used = 1;
  table.scores = ExpertTable<double>(2, 4);
  table.loss = ExpertTable<double>(2, 4);
  const double scores[] = {1, 2, 3, 0, 0, 1, 2, 3};
  for (std::size_t i = 0; i < 8; ++i) {
    table.scores.values()[i] = scores[i];
    table.loss.values()[i] = 0.5 * static_cast<double>(i);
  }
  table.n_tokens = 9;
  table.corpus_digest = "xxh3:2";
  table.settings = "tokens=9";
  table.engine = "e";
  return table;
}

TEST(TableMask, KeepsTheLastToGo) {
  const auto made = value_of(mask_from_table(table(), 2));
  EXPECT_THAT(made.mask.layers().at(LayerId{1}), ElementsAre(ExpertId{1}, ExpertId{2}));
  EXPECT_THAT(made.mask.layers().at(LayerId{4}), ElementsAre(ExpertId{2}, ExpertId{3}));
  EXPECT_THAT(made.loss, ElementsAre(0.5, 2.5));  // with two gone
  EXPECT_EQ(made.mask.parent, table().parent);
  ASSERT_EQ(made.mask.passes.size(), 1U);
  EXPECT_EQ(made.mask.passes[0].json,
            R"({"pass":"domain","score":"recon","table":{"corpus":"xxh3:2","n_token":9,)"
            R"("settings":"tokens=9","engine":"e"}})");
}

TEST(TableMask, KeepsAsManyOfEachGroup) {
  auto grouped = table();
  grouped.n_expert_group = 2;
  const auto made = value_of(mask_from_table(grouped, 2));
  EXPECT_THAT(made.mask.layers().at(LayerId{4}), ElementsAre(ExpertId{1}, ExpertId{3}));
  expect_error(mask_from_table(grouped, 3), Code::kInvalidArgument, "no multiple of 2");
}

TEST(TableMask, RefusesImpossibleCounts) {
  expect_error(mask_from_table(table(), 0), Code::kInvalidArgument, "K = 0");
  expect_error(mask_from_table(table(), 4), Code::kInvalidArgument, "K = 4");
}

}  // namespace
}  // namespace coe
