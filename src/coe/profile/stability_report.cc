#include "coe/profile/stability_report.h"

#include "coe/base/json.h"
#include "coe/base/picture/chart.h"
#include "coe/base/picture/heat.h"
#include "coe/base/picture/palette.h"
#include "coe/base/picture/svg.h"
#include "coe/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kThresholds = {0.95, 0.99};
constexpr double kAdvised = 0.95;

Json optional_json(const auto& value) { return value ? Json(*value) : Json(nullptr); }

Json points_json(const StabilityReport& report) {
  Json points = Json::array();
  for (const auto& p : report.points)
    points.push_back({{"n_token", p.n_token},
                      {"n_sample", p.n_sample},
                      {"n_token_half", p.n_half},
                      {"jaccard", p.jaccard},
                      {"jaccard_lower", optional_json(p.lower)},
                      {"entropy", p.entropy}});
  return points;
}

Json layers_json(const StabilityReport& report) {
  Json layers = Json::array();
  for (std::size_t l = 0; l < report.layers.size(); ++l) {
    Json layer = {{"layer", report.layers[l].value}, {"entropy", report.entropy[l]}};
    for (const auto& p : report.points) layer["jaccard"].push_back(p.layers[l]);
    layer["membership"] = Json::array();
    if (report.membership.n_layer() > 0)
      for (const double share : report.membership.row(l)) layer["membership"].push_back(share);
    layers.push_back(std::move(layer));
  }
  return layers;
}

// Lengths in pixels.
constexpr double kWidth = 960;
constexpr double kLeft = 64;
constexpr double kRight = kWidth - 24;
constexpr double kTop = 84;
constexpr double kBottom = 400;
constexpr double kStripTop = 470;

class Picture {
 public:
  Picture(const StabilityReport& report, const RoutingStats& stats)
      : report_(report), stats_(stats) {}

  std::string draw() {
    const double row = std::clamp(480.0 / static_cast<double>(report_.layers.size()), 6.0, 14.0);
    const bool strips = report_.membership.n_layer() > 0;
    const double height =
        strips ? kStripTop + row * static_cast<double>(report_.layers.size()) + 48 : kBottom + 60;
    draw_heading(svg_,
                 fmt::format("Does the mask of {} experts a layer hold still? {}", report_.n_keep,
                             stats_.parent.name),
                 {stability_text(report_)});
    if (report_.points.empty())
      svg_.text({kLeft, kTop + 40}, Anchor::kStart, 13, "too little text for a mask at half of it");
    else
      draw_curve();
    if (strips) draw_strips(row);
    return svg_.finish(kWidth, height);
  }

 private:
  static double log_tokens(const StabilityPoint& p) {
    return std::log2(static_cast<double>(p.n_token));
  }
  Point at(const StabilityPoint& p, double index) const {
    return {across_(log_tokens(p)), up_(index)};
  }

  void line(std::string_view colour, double width,
            const std::function<std::optional<double>(const StabilityPoint&)>& value) {
    std::vector<Point> points;
    for (const auto& p : report_.points)
      if (const auto v = value(p)) points.push_back(at(p, *v));
    svg_.polyline(points, {colour, width});
  }

  void draw_axes() {
    std::vector<Tick> tokens;
    tokens.reserve(report_.points.size());
    for (const auto& p : report_.points)
      tokens.push_back({log_tokens(p), fmt::format("{}", p.n_token)});
    draw_rows(svg_, up_, kLeft, kRight,
              ticks_of(up_.least, 1.0, static_cast<int>(std::lround((1.0 - up_.least) * 10))));
    draw_columns(svg_, across_, kTop, kBottom, tokens, ColumnLines::kGrid, 72);
    for (const double threshold : kThresholds) {
      if (threshold < up_.least) continue;
      const double y = up_(threshold);
      svg_.line({kLeft, y}, {kRight, y}, {palette::kGrey, 1.0, "5 4"});
      svg_.text({kLeft + 6, y - 4}, Anchor::kStart, 11, fmt::format("{:g}", threshold));
    }
    svg_.text({(kLeft + kRight) / 2, kBottom + 40}, Anchor::kMiddle, 12, "tokens (logarithmic)");
  }

  void draw_curve() {
    double lowest = 0.9;
    std::vector<std::pair<double, double>> bounds;
    for (const auto& p : report_.points) {
      const auto [least, most] = std::ranges::minmax(p.layers);
      bounds.emplace_back(least, most);
      lowest = std::min({lowest, least, p.lower.value_or(1.0)});
    }
    up_ = {std::floor(lowest * 10) / 10, 1.0, kBottom, kTop};
    across_ = {log_tokens(report_.points.front()), log_tokens(report_.points.back()), kLeft,
               kRight};
    std::vector<Point> upper;
    std::vector<Point> lower;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      lower.push_back(at(report_.points[i], bounds[i].first));
      upper.push_back(at(report_.points[i], bounds[i].second));
    }
    draw_band(svg_, upper, lower, palette::kBlueBand);
    draw_axes();
    line(palette::kBlue, 2.5, [](const auto& p) { return std::optional(p.jaccard); });
    line(palette::kOrange, 2, [](const auto& p) { return p.lower; });
    svg_.text(
        {kRight, 72}, Anchor::kEnd, 12,
        "Jaccard with the mask at half the text: blue the mean, band the layers; orange the bound");
  }

  void draw_strips(double row) {
    constexpr int kShades = 20;
    const auto n_expert = report_.membership.n_expert();
    const double cell = (kRight - kLeft) / static_cast<double>(n_expert);
    const CellGrid grid = {{kLeft, kStripTop}, cell, row, 0, 1};
    svg_.text(
        {kLeft, kStripTop - 12}, Anchor::kStart, 13,
        "Share of 200 bootstrap replicates that keep an expert (dark: all), most certain first; "
        "the line is K");
    for (std::size_t l = 0; l < report_.layers.size(); ++l) {
      std::vector<double> shares(report_.membership.row(l).begin(),
                                 report_.membership.row(l).end());
      std::sort(shares.rbegin(), shares.rend());
      std::vector<long> shades;
      shades.reserve(shares.size());
      for (const double share : shares) shades.push_back(std::lround(share * kShades));
      for (std::size_t e = 0; e < n_expert;) {
        const std::size_t first = e;
        while (e < n_expert && shades[e] == shades[first]) ++e;
        grid.fill(svg_, l, first, static_cast<double>(shades[first]) / kShades, e - first);
      }
      svg_.text({kLeft - 8, grid.at(l + 1, 0).y - 1.5}, Anchor::kEnd,
                static_cast<int>(std::min(row, 11.0)), fmt::format("{}", report_.layers[l].value));
    }
    const double k = kLeft + cell * report_.n_keep;
    const double bottom = grid.at(report_.layers.size(), 0).y;
    svg_.line({k, kStripTop - 6}, {k, bottom}, {palette::kOrange, 1.5});
    svg_.text({kLeft, bottom + 20}, Anchor::kStart, 12, "rows: layers");
  }

  const StabilityReport& report_;
  const RoutingStats& stats_;
  Scale across_;  // of the curve, from the logarithm of tokens
  Scale up_;
  Svg svg_;
};

}  // namespace

std::optional<std::int64_t> tokens_at(const StabilityReport& report, double threshold,
                                      bool of_bound) {
  for (const auto& p : report.points) {
    const auto value = of_bound ? p.lower : std::optional(p.jaccard);
    if (value && *value >= threshold) return p.n_token;
  }
  return std::nullopt;
}

std::string stability_text(const StabilityReport& report) {
  if (report.points.empty())
    return fmt::format("mask of {}: too little text to say whether it holds still", report.n_keep);
  const auto& last = report.points.back();
  const double threshold = report.stop_at.value_or(kAdvised);
  const auto bound = last.lower ? fmt::format("{:.3f}", *last.lower) : std::string("unknown");
  const bool stable = last.jaccard >= threshold && last.lower && *last.lower >= threshold;
  return fmt::format(
      "mask of {}: Jaccard {:.3f} with half the text, lower bound {} at {} tokens: {}",
      report.n_keep, last.jaccard, bound, last.n_token,
      stable ? fmt::format("stable ({:g})", threshold)
             : fmt::format("not yet stable ({:g}): more text would change it", threshold));
}

std::string stability_json(const StabilityReport& report, const RoutingStats& stats) {
  Json passes = Json::array();
  for (const double threshold : kThresholds)
    passes.push_back({{"threshold", threshold},
                      {"jaccard_n_token", optional_json(tokens_at(report, threshold, false))},
                      {"lower_n_token", optional_json(tokens_at(report, threshold, true))}});
  const Json document = {{"schema", "coe.stability/1"},
                         {"version", tool_version()},
                         {"parent", {{"name", stats.parent.name}, {"digest", stats.parent.digest}}},
                         {"corpus", stats.corpus_digest},
                         {"settings", stats.settings},
                         {"command_line", stats.command_line},
                         {"n_token", stats.n_token()},
                         {"n_sample", stats.n_sample()},
                         {"n_keep", report.n_keep},
                         {"n_replicate", kReplicates},
                         {"until_stable", optional_json(report.stop_at)},
                         {"stopped", report.stopped},
                         {"passes", std::move(passes)},
                         {"points", points_json(report)},
                         {"layers", layers_json(report)}};
  return json_text(document, 1) + "\n";
}

std::string stability_svg(const StabilityReport& report, const RoutingStats& stats) {
  return Picture(report, stats).draw();
}

}  // namespace coe
