#include "coe/mask/compare/picture.h"

#include "coe/base/picture/heat.h"
#include "coe/mask/compare/agg_cosine.h"
#include "coe/mask/compare/overlap.h"
#include "coe/mask/compare/tolerance.h"

#include "mask/compare/named_masks.h"
#include "support/expect.h"
#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::testing::HasSubstr;
using testing::named_mask;
using ::testing::Not;
using testing::value_of;
using testing::worked_stats;

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

const std::vector<NamedMask> kMasks = {named_mask("a<b>.json", 4, {{0, {0, 3}}, {1, {0, 1}}}),
                                       named_mask("c.json", 4, {{0, {0, 1}}, {1, {0, 1}}})};

TEST(ComparisonPicture, ShowsPairsWithoutModelOrProfile) {
  const auto svg = comparison_svg(kMasks, value_of(overlap_of(kMasks)), nullptr, {}, "util");
  EXPECT_THAT(svg, HasSubstr("How alike are 2 masks? 2 layers of 4 experts"));
  EXPECT_THAT(svg, HasSubstr("a&lt;b&gt;.json, keeps 2 a layer"));
  EXPECT_THAT(svg, HasSubstr(">a&lt;b&gt; and c<"));
  EXPECT_THAT(svg, HasSubstr("; chance gives 0.33<"));
  EXPECT_THAT(svg, HasSubstr(">.33<"));    // layer 0
  EXPECT_THAT(svg, HasSubstr(">1.0<"));    // layer 1
  EXPECT_THAT(svg, HasSubstr(">0.667<"));  // their mean
  EXPECT_THAT(svg, Not(HasSubstr("down-projections")));
  EXPECT_THAT(svg, Not(HasSubstr("entropy")));
}

TEST(ComparisonPicture, ShowsCosinesAndProfiles) {
  const AggCosine cosine(2, {{1, {4.0, -1.0, -1.0, 4.0}}, {0, {0.0, 0.0, 0.0, 0.0}}}, 100);
  const std::vector<Tolerance> profiles = {
      value_of(tolerance_of("web & css", worked_stats(), {}, kMasks))};
  const auto svg = comparison_svg(kMasks, value_of(overlap_of(kMasks)), &cosine, profiles, "util");
  EXPECT_THAT(svg, HasSubstr(">-.25<"));  // layer 0; layer 1 has nothing and is grey
  EXPECT_THAT(svg, HasSubstr("#e2e2e2"));
  EXPECT_THAT(svg, HasSubstr(">-0.250<"));  // Agg-cos
  EXPECT_THAT(svg, HasSubstr("profile web &amp; css"));
  EXPECT_THAT(svg, HasSubstr("score `util`"));
  EXPECT_THAT(svg, HasSubstr("profile web &amp; css; chance gives 0.50<"));
  EXPECT_EQ(count(svg, "<polyline"), 2U);  // one curve a layer
  EXPECT_EQ(count(svg, "<circle"), 9U);    // three targets of two layers, and their legend
  EXPECT_THAT(svg, HasSubstr("K = 2"));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

// Of six masks names say more than letters.
TEST(ComparisonPicture, CallsMasksByTheirNames) {
  const testing::LayerIds ids = {{0, {0, 3}}};
  const std::vector<NamedMask> masks = {
      named_mask("runs/web.mask.json", 4, ids), named_mask("runs/prose.json", 4, {{0, {0}}}),
      named_mask("a/same.mask.json", 4, ids), named_mask("b/same.mask.json", 4, ids),
      named_mask("a-name-that-is-much-longer-than-a-label.mask.json", 4, ids)};
  const auto svg = comparison_svg(masks, value_of(overlap_of(masks)), nullptr, {}, "util");
  EXPECT_THAT(svg, HasSubstr(">web and prose<"));
  EXPECT_THAT(svg, HasSubstr(">C same and D same<"));
  EXPECT_THAT(svg, HasSubstr(">web and ...ger-than-a-label<"));
  EXPECT_THAT(svg, HasSubstr("b/same.mask.json, keeps 2 a layer"));
  EXPECT_THAT(svg, HasSubstr("; chance gives 0.20 to 0.33<"));  // K of 1 and 2, and of 2 and 2
}

// The same value has the same colour in every map of a picture, and in every picture.
TEST(ComparisonPicture, HasOneScale) {
  const AggCosine cosine(2, {{1, {4.0, 2.0, 2.0, 4.0}}, {1, {4.0, 4.0, 4.0, 4.0}}}, 100);
  const auto svg = comparison_svg(kMasks, value_of(overlap_of(kMasks)), &cosine, {}, "util");
  EXPECT_THAT(svg, HasSubstr("fill=\"" + hex(heat(1.0 / 3)) + "\""));
  EXPECT_THAT(svg, HasSubstr("fill=\"" + hex(heat(0.5)) + "\""));
  EXPECT_GE(count(svg, "fill=\"" + hex(heat(1.0)) + "\""), 2U);  // one of each map
}

TEST(ComparisonPicture, LeavesNumbersOutWhereCellsAreSmall) {
  testing::LayerIds many;
  for (std::uint32_t layer = 0; layer < 100; ++layer) many[layer] = {0, 1};
  const std::vector<NamedMask> masks = {named_mask("a", 4, many), named_mask("b", 4, many)};
  const auto svg = comparison_svg(masks, value_of(overlap_of(masks)), nullptr, {}, "util");
  EXPECT_THAT(svg, Not(HasSubstr(">1.0<")));
  EXPECT_THAT(svg, HasSubstr(">1.000<"));  // the mean
  EXPECT_THAT(svg, HasSubstr(">0<"));
  EXPECT_THAT(svg, Not(HasSubstr(">1<")));  // every third layer is named
  EXPECT_THAT(svg, HasSubstr(">3<"));
}

}  // namespace
}  // namespace coe
