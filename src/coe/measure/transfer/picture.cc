#include "coe/measure/transfer/picture.h"

#include "coe/base/picture/chart.h"
#include "coe/base/picture/heat.h"
#include "coe/base/picture/palette.h"
#include "coe/base/picture/svg.h"
#include "coe/base/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

namespace coe {

namespace {

// Lengths in pixels.
constexpr double kCellWidth = 104;
constexpr double kCellHeight = 56;
constexpr double kLabel = 190;
constexpr double kTop = 118;
constexpr double kPlot = 300;
constexpr double kGap = 90;

// What is below has the lowest colour: half of the parent's tokens is nothing to speak of.
constexpr double kLowest = 0.5;

constexpr CellGrid kCells = {{kLabel, kTop}, kCellWidth, kCellHeight, 2, 2};

// A cell shows these.
struct Shown {
  double y = 0.0;
  double kl = 0.0;
};

class HeatMap {
 public:
  explicit HeatMap(const TransferMatrix& matrix) : matrix_(matrix) {}

  std::string draw() {
    const std::size_t n_column = matrix_.domains.size();
    const double width = kLabel + kCellWidth * static_cast<double>(n_column) + 24;
    draw_heading(svg_, fmt::format("What specialists of K = {} keep", matrix_.n_keep),
                 {"Y: next tokens predicted, of the parent's; below it the KL to the parent",
                  "rows: specialists; columns: text; framed: its own"});
    draw_heat_key(svg_, {std::max(width, 520.0) - 52, 84}, "50 %", "100 %");
    for (std::size_t c = 0; c < n_column; ++c)
      svg_.text({kCells.at(0, c).x + kCellWidth / 2, kTop - 10}, Anchor::kMiddle, 13,
                matrix_.domains[c]);
    collect();
    for (std::size_t r = 0; r < rows_.size(); ++r) draw_row(r);
    for (std::size_t r = 0; r < matrix_.n_specialist(); ++r)
      for (std::size_t c = 0; c < n_column; ++c)
        if (matrix_.is_own(r, c)) draw_frame(r, c);
    return svg_.finish(std::max(width, 520.0), kCells.at(rows_.size(), 0).y + 16);
  }

 private:
  void collect() {
    const std::size_t n_column = matrix_.domains.size();
    for (std::size_t r = 0; r < matrix_.specialists.size(); ++r) {
      const bool is_random = r >= matrix_.n_specialist();
      if (!is_random || rows_.size() == matrix_.n_specialist()) {
        names_.push_back(is_random ? fmt::format("random (mean of {})", matrix_.n_random)
                                   : matrix_.specialists[r]);
        rows_.emplace_back(n_column);
      }
      const double share = is_random ? 1.0 / static_cast<double>(matrix_.n_random) : 1.0;
      for (std::size_t c = 0; c < n_column; ++c) {
        rows_.back()[c].y += share * accuracy_ratio(matrix_.at(r, c)).value;
        rows_.back()[c].kl += share * matrix_.at(r, c).kl_mean();
      }
    }
  }

  void draw_row(std::size_t r) {
    svg_.text({kLabel - 10, kCells.at(r, 0).y + kCellHeight / 2 + 5}, Anchor::kEnd, 13, names_[r]);
    for (std::size_t c = 0; c < rows_[r].size(); ++c) {
      const auto& cell = rows_[r][c];
      // One scale, so that a value has the same colour in the picture of every K.
      const double share = (cell.y - kLowest) / (1.0 - kLowest);
      const auto ink = ink_on(heat(share));
      const auto [left, top] = kCells.at(r, c);
      kCells.fill(svg_, r, c, share);
      svg_.text({left + kCellWidth / 2 - 1, top + 25}, Anchor::kMiddle, 16,
                fmt::format("{:.1f} %", 100 * cell.y), ink);
      svg_.text({left + kCellWidth / 2 - 1, top + 43}, Anchor::kMiddle, 12,
                fmt::format("KL {:.3g}", cell.kl), ink);
    }
  }

  void draw_frame(std::size_t r, std::size_t c) {
    const Point a = kCells.at(r, c);
    const Point b = {a.x + kCellWidth - 2, a.y + kCellHeight - 2};
    const std::array<Point, 5> corners = {a, Point{b.x, a.y}, b, Point{a.x, b.y}, a};
    svg_.polyline(corners, {palette::kInk, 3.0});
  }

  const TransferMatrix& matrix_;
  Svg svg_;
  std::vector<std::string> names_;
  std::vector<std::vector<Shown>> rows_;
};

std::vector<double> pairs_of(const std::vector<double>& table, std::size_t n) {
  std::vector<double> out;
  for (std::size_t i = 0; i < table.size(); ++i)
    if (i / n != i % n) out.push_back(table[i]);
  return out;
}

class Scatter {
 public:
  Scatter(const TransferMatrix& matrix, const TransferSquare& square,
          const TransferReading& reading)
      : matrix_(matrix), square_(square), reading_(reading) {}

  std::string draw() {
    std::vector<std::pair<std::string_view, const std::vector<double>*>> columns;
    if (!square_.residual_f.empty()) columns.emplace_back("residual_f", &square_.residual_f);
    if (!square_.agg_cosine.empty()) columns.emplace_back("agg_cosine", &square_.agg_cosine);
    COE_CHECK(!columns.empty());
    draw_heading(svg_, fmt::format("Loss against likeness of specialists, K = {}", matrix_.n_keep),
                 {"a dot: specialist A on the text of B; p: labels permuted (Mantel)"});
    draw_legend();
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const double x = 80 + static_cast<double>(c) * (kPlot + kGap);
      draw_panel({x, 130}, columns[c].first, *columns[c].second, "y", square_.y);
      draw_panel({x, 130 + kPlot + kGap}, columns[c].first, *columns[c].second, "kl", square_.kl);
    }
    return svg_.finish(std::max(80 + static_cast<double>(columns.size()) * (kPlot + kGap), 520.0),
                       130 + 2 * kPlot + kGap + 60);
  }

 private:
  static std::string_view colour(std::size_t specialist) {
    return palette::kSeries[specialist % palette::kSeries.size()];
  }

  void draw_legend() {
    double x = 24;
    for (std::size_t i = 0; i < square_.names.size(); ++i) {
      svg_.circle({x, 72}, 5, colour(i));
      svg_.text({x + 10, 77}, Anchor::kStart, 13, square_.names[i]);
      x += 30 + 8.0 * static_cast<double>(square_.names[i].size());
    }
  }

  std::string result_of(std::string_view of, std::string_view with) const {
    for (const auto& link : reading_.links)
      if (link.of == of && link.with == with && link.pearson && link.spearman)
        return fmt::format("r = {:.2f} (p = {:.3f}), ρ = {:.2f}", link.pearson->r.value,
                           link.pearson->test.p, link.spearman->r.value);
    return "no correlation is defined";
  }

  void draw_panel(Point corner, std::string_view with, const std::vector<double>& likeness,
                  std::string_view of, const std::vector<double>& loss) {
    const std::size_t n = square_.names.size();
    const double bottom = corner.y + kPlot;
    const double right = corner.x + kPlot;
    const auto across = round_steps(pairs_of(likeness, n));
    const auto up = round_steps(pairs_of(loss, n));
    const Scale x = {across.least, across.most, corner.x, right};
    const Scale y = {up.least, up.most, bottom, corner.y};
    svg_.text({corner.x, corner.y - 12}, Anchor::kStart, 13, result_of(of, with));
    draw_columns(svg_, x, corner.y, bottom, ticks_of(across), ColumnLines::kGrid);
    draw_rows(svg_, y, corner.x, right, ticks_of(up));
    svg_.text({corner.x + kPlot / 2, corner.y + kPlot + 36}, Anchor::kMiddle, 13,
              fmt::format("{} against {}", of == "y" ? "Y" : "KL to the parent",
                          with == "residual_f" ? "residual F" : "Agg-cos"));
    for (std::size_t a = 0; a < n; ++a)
      for (std::size_t b = 0; b < n; ++b)
        if (a != b) svg_.circle({x(likeness[a * n + b]), y(loss[a * n + b])}, 4.5, colour(a));
  }

  const TransferMatrix& matrix_;
  const TransferSquare& square_;
  const TransferReading& reading_;
  Svg svg_;
};

}  // namespace

std::string matrix_svg(const TransferMatrix& matrix) { return HeatMap(matrix).draw(); }

std::string scatter_svg(const TransferMatrix& matrix, const TransferSquare& square,
                        const TransferReading& reading) {
  return Scatter(matrix, square, reading).draw();
}

}  // namespace coe
