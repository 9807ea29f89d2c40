#include "coe/mask/keep_mask.h"

#include "coe/base/result.h"
#include "coe/model/moe/ids.h"

#include "support/expect.h"
#include "support/plain_ids.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::plain_ids;
using ::coe::testing::value_of;

using Layers = KeptExperts;

std::vector<ExpertId> ids(std::initializer_list<std::uint32_t> values) {
  std::vector<ExpertId> out;
  for (const auto value : values) out.push_back(ExpertId{value});
  return out;
}

TEST(KeepMask, SortsIds) {
  const auto mask = value_of(KeepMask::create(8, {{LayerId{3}, ids({7, 0, 5})}}));
  EXPECT_EQ(mask.layers(), (Layers{{LayerId{3}, ids({0, 5, 7})}}));
  EXPECT_EQ(mask.n_keep(), 3U);
  EXPECT_EQ(mask.n_expert(), 8U);
}

TEST(KeepMask, KnowsWhatItKeeps) {
  const auto mask =
      value_of(KeepMask::create(8, {{LayerId{1}, ids({0, 5})}, {LayerId{4}, ids({1, 2})}}));
  EXPECT_TRUE(mask.keeps(LayerId{1}, ExpertId{5}));
  EXPECT_FALSE(mask.keeps(LayerId{4}, ExpertId{5}));
  EXPECT_FALSE(mask.keeps(LayerId{0}, ExpertId{0}));
  EXPECT_EQ(plain_ids(mask.layers()),
            (std::map<std::uint32_t, std::vector<std::uint32_t>>{{1, {0, 5}}, {4, {1, 2}}}));
}

TEST(KeepMask, RejectsNoLayerAndNoExpert) {
  expect_error(KeepMask::create(8, {}), Code::kCorrupt, "names no layer");
  expect_error(KeepMask::create(8, {{LayerId{2}, {}}}), Code::kCorrupt, "layer 2: keeps no expert");
}

TEST(KeepMask, RejectsIdsNamedTwice) {
  expect_error(KeepMask::create(8, {{LayerId{2}, ids({1, 4, 1, 4, 1, 5})}}), Code::kCorrupt,
               "layer 2: names experts 1, 4 more than once");
}

TEST(KeepMask, RejectsIdsAboveN) {
  expect_error(KeepMask::create(8, {{LayerId{2}, ids({1, 8, 900})}}), Code::kCorrupt,
               "layer 2: keeps experts 8, 900 but the experts are 0 to 7");
}

TEST(KeepMask, ShortensLongLists) {
  expect_error(KeepMask::create(1, {{LayerId{0}, ids({1, 2, 3, 4, 5, 6, 7, 8, 9, 10})}}),
               Code::kCorrupt, "keeps experts 1, 2, 3, 4, 5, 6, 7, 8 and 2 more but");
}

TEST(KeepMask, RejectsUnequalCountPerLayer) {
  expect_error(
      KeepMask::create(
          8, {{LayerId{0}, ids({1, 2})}, {LayerId{1}, ids({3, 4})}, {LayerId{5}, ids({1})}}),
      Code::kCorrupt, "layer 5: keeps another number of experts than layer 0 (1 vs 2)");
}

TEST(KeepMask, TakesAnyIdWhenNIsUnknown) {
  EXPECT_TRUE(KeepMask::create(0, {{LayerId{0}, ids({0xffffffffU})}}).has_value());
}

}  // namespace
}  // namespace coe
