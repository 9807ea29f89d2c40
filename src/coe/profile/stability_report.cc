#include "coe/profile/stability_report.h"

#include "coe/base/json.h"
#include "coe/base/text.h"
#include "coe/picture/svg.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

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
    points.push_back({{"n_token", p.n_tokens},
                      {"n_sample", p.n_samples},
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
constexpr Rgb kLight{0xf2, 0xf4, 0xf7};
constexpr Rgb kDark{0x12, 0x3c, 0x70};

class Picture {
 public:
  Picture(const StabilityReport& report, const RoutingStats& stats)
      : report_(report), stats_(stats) {}

  std::string draw() {
    const double row = std::clamp(480.0 / static_cast<double>(report_.layers.size()), 6.0, 14.0);
    const bool strips = report_.membership.n_layer() > 0;
    const double height =
        strips ? kStripTop + row * static_cast<double>(report_.layers.size()) + 48 : kBottom + 60;
    svg_.text({kLeft, 28}, Anchor::kStart, 17,
              fmt::format("Does the mask of {} experts a layer hold still? {}", report_.n_keep,
                          stats_.parent.name));
    svg_.text({kLeft, 48}, Anchor::kStart, 13, stability_text(report_));
    if (report_.points.empty())
      svg_.text({kLeft, kTop + 40}, Anchor::kStart, 13, "too little text for a mask at half of it");
    else
      draw_curve();
    if (strips) draw_strips(row);
    return svg_.finish(kWidth, height);
  }

 private:
  double x_of(const StabilityPoint& p) const {
    const double first = std::log2(static_cast<double>(report_.points.front().n_tokens));
    const double last = std::log2(static_cast<double>(report_.points.back().n_tokens));
    const double at = std::log2(static_cast<double>(p.n_tokens));
    return last > first ? kLeft + (kRight - kLeft) * (at - first) / (last - first)
                        : (kLeft + kRight) / 2;
  }
  double y_of(double index) const {
    return kBottom - (kBottom - kTop) * (index - lowest_) / (1.0 - lowest_);
  }

  void line(std::string_view colour, double width,
            const std::function<std::optional<double>(const StabilityPoint&)>& value) {
    std::vector<Point> points;
    for (const auto& p : report_.points)
      if (const auto v = value(p)) points.push_back({x_of(p), y_of(*v)});
    svg_.polyline(points, {colour, width});
  }

  void draw_axes() {
    for (int tenth = static_cast<int>(std::lround(lowest_ * 10)); tenth <= 10; ++tenth) {
      const double y = y_of(tenth / 10.0);
      svg_.line({kLeft, y}, {kRight, y}, {"#e4e4e4"});
      svg_.text({kLeft - 8, y + 4}, Anchor::kEnd, 12, fmt::format("{:.1f}", tenth / 10.0));
    }
    for (const double threshold : kThresholds) {
      if (threshold < lowest_) continue;
      const double y = y_of(threshold);
      svg_.line({kLeft, y}, {kRight, y}, {"#777", 1.0, "5 4"});
      svg_.text({kLeft + 6, y - 4}, Anchor::kStart, 11, fmt::format("{:g}", threshold));
    }
    // Labels that would touch the one before are left out.
    double taken = -1e9;
    for (const auto& p : report_.points) {
      const double x = x_of(p);
      if (x - taken < 72) continue;
      taken = x;
      svg_.line({x, kBottom}, {x, kBottom + 5}, {"#777"});
      svg_.text({x, kBottom + 20}, Anchor::kMiddle, 12, fmt::format("{}", p.n_tokens));
    }
    svg_.text({(kLeft + kRight) / 2, kBottom + 40}, Anchor::kMiddle, 12, "tokens (logarithmic)");
  }

  void draw_curve() {
    lowest_ = 0.9;
    for (const auto& p : report_.points)
      lowest_ = std::min(
          {lowest_, *std::min_element(p.layers.begin(), p.layers.end()), p.lower.value_or(1.0)});
    lowest_ = std::floor(lowest_ * 10) / 10;
    std::vector<Point> band;
    band.reserve(2 * report_.points.size());
    for (const auto& p : report_.points)
      band.push_back({x_of(p), y_of(*std::max_element(p.layers.begin(), p.layers.end()))});
    for (auto p = report_.points.rbegin(); p != report_.points.rend(); ++p)
      band.push_back({x_of(*p), y_of(*std::min_element(p->layers.begin(), p->layers.end()))});
    svg_.polygon(band, "#cfe0f3");
    draw_axes();
    line("#1f5fa8", 2.5, [](const auto& p) { return std::optional(p.jaccard); });
    line("#c8561b", 2, [](const auto& p) { return p.lower; });
    svg_.text(
        {kRight, 68}, Anchor::kEnd, 12,
        "Jaccard with the mask at half the text: blue the mean, band the layers; orange the bound");
  }

  void draw_strips(double row) {
    constexpr int kShades = 20;
    const auto n_expert = report_.membership.n_expert();
    const double cell = (kRight - kLeft) / static_cast<double>(n_expert);
    svg_.text(
        {kLeft, kStripTop - 12}, Anchor::kStart, 13,
        "Share of 200 bootstrap replicates that keep an expert (dark: all), most certain first; "
        "the line is K");
    for (std::size_t l = 0; l < report_.layers.size(); ++l) {
      const double y = kStripTop + row * static_cast<double>(l);
      std::vector<double> shares(report_.membership.row(l).begin(),
                                 report_.membership.row(l).end());
      std::sort(shares.rbegin(), shares.rend());
      std::vector<long> shades;
      shades.reserve(shares.size());
      for (const double share : shares) shades.push_back(std::lround(share * kShades));
      for (std::size_t e = 0; e < n_expert;) {
        const std::size_t first = e;
        while (e < n_expert && shades[e] == shades[first]) ++e;
        const auto shade = static_cast<double>(shades[first]) / kShades;
        svg_.rect({kLeft + cell * static_cast<double>(first), y},
                  cell * static_cast<double>(e - first), row - 1, hex(mix(kLight, kDark, shade)));
      }
      svg_.text({kLeft - 8, y + row - 1.5}, Anchor::kEnd, static_cast<int>(std::min(row, 11.0)),
                fmt::format("{}", report_.layers[l].value));
    }
    const double k = kLeft + cell * report_.n_keep;
    const double bottom = kStripTop + row * static_cast<double>(report_.layers.size());
    svg_.line({k, kStripTop - 6}, {k, bottom}, {"#c8561b", 1.5});
    svg_.text({kLeft, bottom + 20}, Anchor::kStart, 12, "rows: layers");
  }

  const StabilityReport& report_;
  const RoutingStats& stats_;
  double lowest_ = 0.0;  // bottom of the curve
  Svg svg_;
};

}  // namespace

std::optional<std::int64_t> tokens_at(const StabilityReport& report, double threshold,
                                      bool of_bound) {
  for (const auto& p : report.points) {
    const auto value = of_bound ? p.lower : std::optional(p.jaccard);
    if (value && *value >= threshold) return p.n_tokens;
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
      report.n_keep, last.jaccard, bound, last.n_tokens,
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
                         {"n_token", stats.n_tokens()},
                         {"n_sample", stats.n_samples()},
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
