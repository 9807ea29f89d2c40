#include "coe/measure/tune/sweep_picture.h"

#include "coe/base/picture/chart.h"
#include "coe/base/picture/palette.h"
#include "coe/base/picture/svg.h"
#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/model/moe/arch_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Lengths in pixels.
constexpr double kWidth = 860;
constexpr double kLeft = 80;
constexpr double kRight = 820;
constexpr double kPanel = 230;
constexpr double kGap = 70;
constexpr double kTop = 104;

class Picture {
 public:
  Picture(std::span<const SweepPoint> points, std::span<const std::uint64_t> bytes_file)
      : points_(points), bytes_file_(bytes_file) {
    const double least = points.front().n_keep;
    across_ = {least, std::max<double>(points.back().n_keep, least + 1), kLeft, kRight};
  }

  std::string draw() {
    const bool measured = points_.front().eval.has_value();
    draw_heading(
        svg_, fmt::format("How many experts to keep, of {}", points_.front().built.mask.n_expert()),
        {"filled dots: llama.cpp's CUDA routing kernel takes this count"});
    draw_coverage();
    if (measured) draw_kl();
    const double bottom = y_ + (bytes_file_.empty() ? 30 : 74);
    svg_.text({(kLeft + kRight) / 2, y_ + 30 + 4}, Anchor::kMiddle, 13, "experts kept a layer (K)");
    if (!bytes_file_.empty()) draw_sizes();
    return svg_.finish(kWidth, bottom + 18);
  }

 private:
  // A line at each tick up to the last, counts below. Leaves y_ at the bottom.
  void begin_panel(std::string_view title, std::span<const Tick> ticks) {
    const double upper = y_ + kGap;
    y_ = upper + kPanel;
    up_ = {0.0, ticks.back().value, y_, upper};
    svg_.text({kLeft, upper - 14}, Anchor::kStart, 14, title);
    draw_rows(svg_, up_, kLeft, kRight, ticks);
    std::vector<Tick> counts;
    for (const auto& point : points_)
      counts.push_back({static_cast<double>(point.n_keep), fmt::format("{}", point.n_keep)});
    draw_columns(svg_, across_, upper, y_, counts, ColumnLines::kNone, 28);
  }

  // What K experts weigh, below their numbers.
  void draw_sizes() {
    std::vector<Tick> sizes;
    sizes.reserve(points_.size());
    for (std::size_t i = 0; i < points_.size(); ++i)
      sizes.push_back({static_cast<double>(points_[i].n_keep), human_bytes(bytes_file_[i])});
    draw_columns(svg_, across_, y_ + 38, y_ + 38, sizes, ColumnLines::kNone, 64);
    svg_.text({(kLeft + kRight) / 2, y_ + 74}, Anchor::kMiddle, 13, "size of the file");
  }

  Point at(const SweepPoint& point, double value) const {
    return {across_(point.n_keep), up_(value)};
  }

  template <class Value>
  void draw_line(Value&& value, std::string_view colour) {
    std::vector<Point> line;
    line.reserve(points_.size());
    for (const auto& point : points_) line.push_back(at(point, value(point)));
    svg_.polyline(line, {colour, 2.0});
    for (std::size_t i = 0; i < line.size(); ++i) {
      svg_.circle(line[i], 4.5, colour);
      if (!has_fused_top_k(points_[i].n_keep)) svg_.circle(line[i], 2.5, "#fff");
    }
  }

  // Of experts drawn by chance K hold K/E of the score.
  void draw_chance() {
    const double n_expert = points_.front().built.mask.n_expert();
    if (!(n_expert > 0)) return;
    std::vector<Point> line;
    line.reserve(points_.size());
    for (const auto& point : points_) line.push_back(at(point, point.n_keep / n_expert));
    svg_.polyline(line, {palette::kGrey, 1.2, "5 4"});
  }

  // Words keep the colour of words.
  void draw_key(double x, std::string_view colour, std::string_view words) {
    svg_.circle({x, up_(0.06) - 4}, 4.5, colour);
    svg_.text({x + 9, up_(0.06)}, Anchor::kStart, 12, words);
  }

  void draw_coverage() {
    y_ = kTop - kGap;
    begin_panel("Share of the domain's score that is kept: mean over layers, and the worst layer",
                percent_ticks(4));
    draw_line(
        [](const SweepPoint& p) { return *std::ranges::min_element(p.built.coverage.layers); },
        palette::kPaleBlue);
    draw_line([](const SweepPoint& p) { return p.built.coverage.mean; }, palette::kBlue);
    draw_chance();
    draw_key(kRight - 265, palette::kBlue, "mean");
    draw_key(kRight - 200, palette::kPaleBlue, "worst layer");
    svg_.text({kRight, up_(0.06)}, Anchor::kEnd, 12, "dashed: chance", palette::kGrey);
  }

  void draw_kl() {
    std::vector<Interval> intervals;
    double most = 0.0;
    for (const auto& point : points_) {
      intervals.push_back(kl_interval(*point.eval));
      most = std::max(most, intervals.back().upper);
    }
    if (!(most > 0.0)) most = 1.0;
    const double unit = std::pow(10.0, std::floor(std::log10(most)));
    const double top = std::ceil(most / unit) * unit;
    begin_panel("KL to the parent on the text given, nats a token; band: 95 % over records",
                ticks_of(0.0, top, 4));
    std::vector<Point> upper;
    std::vector<Point> lower;
    for (std::size_t i = 0; i < points_.size(); ++i) {
      upper.push_back(at(points_[i], intervals[i].upper));
      lower.push_back(at(points_[i], intervals[i].lower));
    }
    draw_band(svg_, upper, lower, palette::kOrangeBand);
    draw_line([](const SweepPoint& p) { return p.eval->kl_mean(); }, palette::kOrange);
  }

  std::span<const SweepPoint> points_;
  std::span<const std::uint64_t> bytes_file_;
  Svg svg_;
  Scale across_;
  Scale up_;  // of the panel that is drawn
  double y_ = 0.0;
};

}  // namespace

std::string sweep_svg(std::span<const SweepPoint> points,
                      std::span<const std::uint64_t> bytes_file) {
  COE_CHECK(!points.empty());
  COE_CHECK(bytes_file.empty() || bytes_file.size() == points.size());
  return Picture(points, bytes_file).draw();
}

}  // namespace coe
