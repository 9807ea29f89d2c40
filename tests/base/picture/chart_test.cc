#include "coe/base/picture/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> labels(const std::vector<Tick>& ticks) {
  std::vector<std::string> out;
  out.reserve(ticks.size());
  for (const auto& tick : ticks) out.push_back(tick.label);
  return out;
}

TEST(Scale, GoesFromValuesToPixels) {
  const Scale down{10, 20, 100, 300};
  EXPECT_EQ(down(10), 100);
  EXPECT_EQ(down(15), 200);
  EXPECT_EQ(down(20), 300);
  const Scale up{0, 1, 300, 100};
  EXPECT_EQ(up(0.25), 250);
  EXPECT_EQ((Scale{4, 4, 100, 300}(4)), 200);  // but one value
}

TEST(RoundSteps, LieAroundTheValues) {
  const auto steps = round_steps(std::vector<double>{0.23, 0.71, 0.5});
  EXPECT_DOUBLE_EQ(steps.step, 0.1);
  EXPECT_DOUBLE_EQ(steps.least, 0.2);
  EXPECT_DOUBLE_EQ(steps.most, 0.8);
  EXPECT_THAT(labels(ticks_of(steps)),
              ElementsAre("0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8"));
  const auto wide = round_steps(std::vector<double>{-130, 690});
  EXPECT_DOUBLE_EQ(wide.step, 200);
  EXPECT_DOUBLE_EQ(wide.least, -200);
  EXPECT_DOUBLE_EQ(wide.most, 800);
}

TEST(RoundSteps, OfOneValueAreNotEmpty) {
  const auto steps = round_steps(std::vector<double>{3.0});
  EXPECT_GT(steps.most, steps.least);
  EXPECT_LE(steps.least, 3.0);
  EXPECT_GE(steps.most, 3.0);
  EXPECT_GE(ticks_of(steps).size(), 2U);
}

TEST(Ticks, AreAtEqualSteps) {
  EXPECT_THAT(labels(ticks_of(0, 0.5, 2)), ElementsAre("0", "0.25", "0.5"));
  EXPECT_THAT(labels(count_ticks(1024, 4)), ElementsAre("0", "256", "512", "768", "1024"));
  EXPECT_THAT(labels(percent_ticks(2)), ElementsAre("0 %", "50 %", "100 %"));
  EXPECT_EQ(percent_ticks(4)[1].value, 0.25);
}

TEST(Chart, DrawsRowsWithLabelsToTheLeft) {
  Svg svg;
  draw_rows(svg, {0, 1, 90, 10}, 40, 200, std::vector<Tick>{{0.5, "half"}});
  const auto text = svg.finish(1, 1);
  EXPECT_THAT(text, HasSubstr("M40.0 50.0L200.0 50.0"));
  EXPECT_THAT(text, HasSubstr("x=\"32.0\" y=\"54.0\" text-anchor=\"end\""));
  EXPECT_THAT(text, HasSubstr(">half<"));
}

TEST(Chart, LeavesOutColumnsThatWouldTouch) {
  const std::vector<Tick> ticks = {{0, "a"}, {1, "b"}, {3, "c"}};
  Svg svg;
  draw_columns(svg, {0, 10, 0, 100}, 5, 50, ticks, ColumnLines::kNone, 25);
  auto text = svg.finish(1, 1);
  EXPECT_THAT(text, HasSubstr(">a<"));
  EXPECT_THAT(text, Not(HasSubstr(">b<")));
  EXPECT_THAT(text, HasSubstr(">c<"));
  EXPECT_THAT(text, Not(HasSubstr("<path")));
  draw_columns(svg, {0, 10, 0, 100}, 5, 50, ticks, ColumnLines::kGrid);
  text = svg.finish(1, 1);
  EXPECT_THAT(text, HasSubstr(">b<"));
  EXPECT_THAT(text, HasSubstr("M30.0 5.0L30.0 50.0"));
}

TEST(Chart, BandsGoForthAndBack) {
  Svg svg;
  draw_band(svg, std::vector<Point>{{0, 1}, {2, 1}}, std::vector<Point>{{0, 5}, {2, 6}}, "#abc");
  EXPECT_THAT(svg.finish(9, 9), HasSubstr("points=\"0.0,1.0 2.0,1.0 2.0,6.0 0.0,5.0\""));
}

TEST(Chart, HeadingHasItsNotesBelow) {
  Svg svg;
  draw_heading(svg, "title", {"one", "two"});
  const auto text = svg.finish(9, 9);
  EXPECT_THAT(text,
              HasSubstr("y=\"30.0\" text-anchor=\"start\" font-size=\"18\" fill=\"#222\">title<"));
  EXPECT_THAT(text,
              HasSubstr("y=\"52.0\" text-anchor=\"start\" font-size=\"13\" fill=\"#666\">one<"));
  EXPECT_THAT(text, HasSubstr("y=\"70.0\""));
}

}  // namespace
}  // namespace coe
