#include "coe/tune/sweep_picture.h"

#include "coe/base/result.h"
#include "coe/moe/arch_table.h"
#include "coe/picture/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
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

constexpr std::string_view kGrid = "#e4e4e4";
constexpr std::string_view kGrey = "#666";
constexpr std::string_view kMean = "#2f74b5";
constexpr std::string_view kWorst = "#9dbfe0";
constexpr std::string_view kCost = "#c8561b";
constexpr std::string_view kBand = "#f5dccc";

class Picture {
 public:
  explicit Picture(std::span<const SweepPoint> points) : points_(points) {
    least_ = points.front().n_keep;
    most_ = std::max(points.back().n_keep, least_ + 1);
  }

  std::string draw() {
    const bool measured = points_.front().eval.has_value();
    svg_.text(
        {16, 30}, Anchor::kStart, 18,
        fmt::format("How many experts to keep, of {}", points_.front().built.mask.n_expert()));
    svg_.text({16, 52}, Anchor::kStart, 13,
              "filled dots: llama.cpp's CUDA routing kernel takes this count", kGrey);
    draw_coverage();
    if (measured) draw_kl();
    const double bottom = y_ + 30;
    svg_.text({(kLeft + kRight) / 2, bottom}, Anchor::kMiddle, 13, "experts kept a layer (K)");
    return svg_.finish(kWidth, bottom + 18);
  }

 private:
  double x(std::uint32_t k) const {
    return kLeft + (kRight - kLeft) * static_cast<double>(k - least_) / (most_ - least_);
  }

  // Frame, lines at `n_step` equal steps up to `top`, counts below. Leaves y_ at the bottom.
  void begin_panel(std::string_view title, double top, int n_step, bool percent) {
    const double upper = y_ + kGap;
    y_ = upper + kPanel;
    top_ = top;
    svg_.text({kLeft, upper - 14}, Anchor::kStart, 14, title);
    for (int i = 0; i <= n_step; ++i) {
      const double value = top * i / n_step;
      svg_.line({kLeft, at(value)}, {kRight, at(value)}, {kGrid, 1.0});
      svg_.text({kLeft - 8, at(value) + 4}, Anchor::kEnd, 12,
                percent ? fmt::format("{:.0f} %", 100 * value) : fmt::format("{:.3g}", value),
                kGrey);
    }
    double last = -100;
    for (const auto& point : points_) {
      const double here = x(point.n_keep);
      if (here - last < 28) continue;  // no room for the number
      svg_.text({here, y_ + 16}, Anchor::kMiddle, 12, fmt::format("{}", point.n_keep), kGrey);
      last = here;
    }
  }

  double at(double value) const { return y_ - kPanel * value / top_; }

  template <class Value>
  void draw_line(Value&& value, std::string_view colour) {
    std::vector<Point> line;
    line.reserve(points_.size());
    for (const auto& point : points_) line.push_back({x(point.n_keep), at(value(point))});
    svg_.polyline(line, {colour, 2.0});
    for (std::size_t i = 0; i < line.size(); ++i) {
      svg_.circle(line[i], 4.5, colour);
      if (!has_fused_top_k(points_[i].n_keep)) svg_.circle(line[i], 2.5, "#fff");
    }
  }

  void draw_coverage() {
    y_ = kTop - kGap;
    begin_panel("Share of the domain's score that is kept: mean over layers, and the worst layer",
                1.0, 4, true);
    draw_line(
        [](const SweepPoint& p) { return *std::ranges::min_element(p.built.coverage.layers); },
        kWorst);
    draw_line([](const SweepPoint& p) { return p.built.coverage.mean; }, kMean);
    svg_.text({kRight, at(0.06)}, Anchor::kEnd, 12, "mean", kMean);
    svg_.text({kRight - 40, at(0.06)}, Anchor::kEnd, 12, "worst layer", kWorst);
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
    begin_panel("KL to the parent on the text given, nats a token; band: 95 % over records", top, 4,
                false);
    std::vector<Point> band;
    band.reserve(2 * points_.size());
    for (std::size_t i = 0; i < points_.size(); ++i)
      band.push_back({x(points_[i].n_keep), at(intervals[i].upper)});
    for (std::size_t i = points_.size(); i-- > 0;)
      band.push_back({x(points_[i].n_keep), at(intervals[i].lower)});
    svg_.polygon(band, kBand);
    draw_line([](const SweepPoint& p) { return p.eval->kl_mean(); }, kCost);
  }

  std::span<const SweepPoint> points_;
  Svg svg_;
  std::uint32_t least_ = 0;
  std::uint32_t most_ = 1;
  double y_ = 0.0;
  double top_ = 1.0;
};

}  // namespace

std::string sweep_svg(std::span<const SweepPoint> points) {
  COE_CHECK(!points.empty());
  return Picture(points).draw();
}

}  // namespace coe
