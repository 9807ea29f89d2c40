#include "coe/base/not_finite.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <limits>
#include <vector>

namespace coe {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(CountNotFinite, CountsInfinitiesAndNansWhereverTheyStand) {
  const std::vector<float> finite = {0.0F,
                                     -0.0F,
                                     std::numeric_limits<float>::max(),
                                     std::numeric_limits<float>::lowest(),
                                     std::numeric_limits<float>::denorm_min(),
                                     1.0F};
  EXPECT_EQ(count_not_finite(finite), 0U);
  EXPECT_EQ(count_not_finite({}), 0U);
  for (const float bad :
       {kNan, -kNan, std::numeric_limits<float>::signaling_NaN(), kInfinity, -kInfinity}) {
    EXPECT_FALSE(is_finite(bad));
    for (std::size_t n = 1; n < 70; ++n) {  // past any vector's width
      std::vector<float> values(n, 0.5F);
      for (std::size_t at = 0; at < n; at += 3) values[at] = bad;
      EXPECT_EQ(count_not_finite(values), (n + 2) / 3);
    }
  }
  EXPECT_TRUE(is_finite(std::numeric_limits<float>::max()));
}

TEST(AreLogits, RefusesWhatNoModelGives) {
  EXPECT_TRUE(are_logits(std::vector<float>{1.0F, 2.0F}));
  EXPECT_TRUE(are_logits(std::vector<float>{1.0F}));
  EXPECT_TRUE(are_logits(std::vector<float>{0.0F, 0.0F, 0.0F, 1e-30F}));
  EXPECT_FALSE(are_logits(std::vector<float>{0.0F, 0.0F, 0.0F}));
  EXPECT_FALSE(are_logits(std::vector<float>{1.0F, kNan, 2.0F}));
  EXPECT_FALSE(are_logits(std::vector<float>{1.0F, -kInfinity}));
}

}  // namespace
}  // namespace coe
