#include "coe/model/moe/expert_grid.h"

#include "coe/base/result.h"
#include "coe/model/moe/ids.h"

#include "support/expect.h"

#include <gtest/gtest.h>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;

ExpertGrid grid() {
  return {.layers = {LayerId{1}, LayerId{2}},
          .n_expert = 8,
          .n_expert_used = 2,
          .n_expert_group = 4,
          .n_chunk_expert = 2};
}

TEST(ExpertGrid, KnowsTheSizesOfTables) {
  EXPECT_EQ(grid().n_layer(), 2U);
  EXPECT_EQ(grid().n_flat(), 16U);
  EXPECT_EQ(grid().n_ranked(), 32U);
  EXPECT_EQ(grid().n_pair(), 128U);
  EXPECT_EQ(grid().at(1, 7, 1), 31U);
  const auto rule = grid().keep_rule(4);
  EXPECT_EQ(rule.n_keep, 4U);
  EXPECT_EQ(rule.n_group, 4U);
  EXPECT_EQ(rule.n_chunk_expert, 2U);
}

TEST(ExpertGrid, SaysHowAnotherDiffers) {
  expect_ok(check_same_grid(grid(), grid(), "the table"));
  auto other = grid();
  other.layers = {LayerId{1}, LayerId{5}};
  other.n_chunk_expert = 1;
  expect_error(
      check_same_grid(grid(), other, "the table"), Code::kMismatch,
      "the table has another shape (2 layers of 8 experts, 2 used, in 4 groups vs 2 layers "
      "of 8 experts, 2 used, in 4 groups, in chunks of 2); it lacks layer 2; only it has "
      "layer 5");
}

}  // namespace
}  // namespace coe
