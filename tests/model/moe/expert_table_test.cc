#include "coe/model/moe/expert_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coe {
namespace {

TEST(ExpertTable, StoresRowsOfExperts) {
  ExpertTable<int> table(2, 3, 7);
  table.at(1, 2) = 9;
  EXPECT_THAT(table.row(0), ::testing::ElementsAre(7, 7, 7));
  EXPECT_THAT(table.row(1), ::testing::ElementsAre(7, 7, 9));
  EXPECT_EQ(table.values().size(), 6U);
  EXPECT_EQ(table.n_layer(), 2U);
  EXPECT_EQ(table.n_expert(), 3U);
}

TEST(ExpertTable, ComparesShapeAndValues) {
  EXPECT_EQ(ExpertTable<int>(2, 3), ExpertTable<int>(2, 3));
  EXPECT_NE(ExpertTable<int>(2, 3), ExpertTable<int>(3, 2));
  EXPECT_NE(ExpertTable<int>(2, 3), ExpertTable<int>(2, 3, 1));
}

}  // namespace
}  // namespace coe
