#include "coe/base/picture/svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coe {
namespace {

using ::testing::HasSubstr;

TEST(Svg, DrawsWhatItIsTold) {
  Svg svg;
  svg.text({10, 20.26}, Anchor::kEnd, 12, "a <b> & \x01 c", "#777");
  svg.rect({1, 2}, 3.456, 4, "#abcdef");
  svg.line({0, 0}, {5, 6}, {"#123456", 1.5, "5 4", 0.8});
  const std::vector<Point> points = {{0, 1}, {2, 3}};
  svg.polyline(points, {});
  svg.polygon(points, "#fff000");
  svg.circle({7, 8}, 2.5, "#000fff");
  EXPECT_EQ(svg.finish(100, 50),
            R"(<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50" )"
            R"(viewBox="0 0 100 50" font-family="sans-serif">
<rect width="100%" height="100%" fill="#fff"/>
<text x="10.0" y="20.3" text-anchor="end" font-size="12" fill="#777">a &lt;b&gt; &amp;  c</text>
<rect x="1.00" y="2.0" width="3.46" height="4.0" fill="#abcdef"/>
<path d="M0.0 0.0L5.0 6.0" stroke="#123456" stroke-width="1.5" stroke-dasharray="5 4" )"
            R"(stroke-opacity="0.8"/>
<polyline fill="none" stroke="#222" stroke-width="1" points="0.0,1.0 2.0,3.0"/>
<polygon fill="#fff000" points="0.0,1.0 2.0,3.0"/>
<circle cx="7.0" cy="8.0" r="2.5" fill="#000fff"/>
</svg>
)");
}

TEST(Svg, IsEmptyAfterItIsFinished) {
  Svg svg;
  svg.circle({1, 1}, 1, "#000");
  EXPECT_THAT(svg.finish(9, 9), HasSubstr("<circle"));
  EXPECT_EQ(svg.finish(9, 9).find("<circle"), std::string::npos);
}

TEST(Colour, MixesAndClamps) {
  EXPECT_EQ(hex({0, 10, 255}), "#000aff");
  EXPECT_EQ(hex(mix({0, 100, 200}, {100, 200, 0}, 0.25)), "#197d96");  // 25, 125, 150
  EXPECT_EQ(hex(mix({1, 2, 3}, {4, 5, 6}, -1.0)), "#010203");
  EXPECT_EQ(hex(mix({1, 2, 3}, {4, 5, 6}, 2.0)), "#040506");
}

}  // namespace
}  // namespace coe
