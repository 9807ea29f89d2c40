#include "coe/profile/stability_report.h"

#include "coe/base/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>
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

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (static_cast<unsigned char>(c) >= 0x20)
      out += c;
  }
  return out;
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
    add("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:g}\" height=\"{:g}\" "
        "viewBox=\"0 0 {:g} {:g}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        kWidth, height, kWidth, height);
    text(kLeft, 28, "start", 17,
         fmt::format("Does the mask of {} experts a layer hold still? {}", report_.n_keep,
                     stats_.parent.name));
    text(kLeft, 48, "start", 13, stability_text(report_));
    if (report_.points.empty())
      text(kLeft, kTop + 40, "start", 13, "too little text for a mask at half of it");
    else
      draw_curve();
    if (strips) draw_strips(row);
    out_ += "</svg>\n";
    return std::move(out_);
  }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }
  void text(double x, double y, std::string_view anchor, int size, std::string_view words) {
    add("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{}\">{}</text>\n", x, y,
        anchor, size, escaped(words));
  }

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

  void line(std::string_view colour, std::string_view width,
            const std::function<std::optional<double>(const StabilityPoint&)>& value) {
    add("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" points=\"", colour, width);
    for (const auto& p : report_.points)
      if (const auto v = value(p)) add("{:.1f},{:.1f} ", x_of(p), y_of(*v));
    out_ += "\"/>\n";
  }

  void draw_axes() {
    for (int tenth = static_cast<int>(std::lround(lowest_ * 10)); tenth <= 10; ++tenth) {
      const double y = y_of(tenth / 10.0);
      add("<path d=\"M{:g} {:.1f}H{:g}\" stroke=\"#e4e4e4\"/>\n", kLeft, y, kRight);
      text(kLeft - 8, y + 4, "end", 12, fmt::format("{:.1f}", tenth / 10.0));
    }
    for (const double threshold : kThresholds) {
      if (threshold < lowest_) continue;
      const double y = y_of(threshold);
      add("<path d=\"M{:g} {:.1f}H{:g}\" stroke=\"#777\" stroke-dasharray=\"5 4\"/>\n", kLeft, y,
          kRight);
      text(kLeft + 6, y - 4, "start", 11, fmt::format("{:g}", threshold));
    }
    // Labels that would touch the one before are left out.
    double taken = -1e9;
    for (const auto& p : report_.points) {
      const double x = x_of(p);
      if (x - taken < 72) continue;
      taken = x;
      add("<path d=\"M{:.1f} {:g}v5\" stroke=\"#777\"/>\n", x, kBottom);
      text(x, kBottom + 20, "middle", 12, fmt::format("{}", p.n_tokens));
    }
    text((kLeft + kRight) / 2, kBottom + 40, "middle", 12, "tokens (logarithmic)");
  }

  void draw_curve() {
    lowest_ = 0.9;
    for (const auto& p : report_.points)
      lowest_ = std::min(
          {lowest_, *std::min_element(p.layers.begin(), p.layers.end()), p.lower.value_or(1.0)});
    lowest_ = std::floor(lowest_ * 10) / 10;
    add("<polygon fill=\"#cfe0f3\" points=\"");
    for (const auto& p : report_.points)
      add("{:.1f},{:.1f} ", x_of(p), y_of(*std::max_element(p.layers.begin(), p.layers.end())));
    for (auto p = report_.points.rbegin(); p != report_.points.rend(); ++p)
      add("{:.1f},{:.1f} ", x_of(*p), y_of(*std::min_element(p->layers.begin(), p->layers.end())));
    out_ += "\"/>\n";
    draw_axes();
    line("#1f5fa8", "2.5", [](const auto& p) { return std::optional(p.jaccard); });
    line("#c8561b", "2", [](const auto& p) { return p.lower; });
    text(
        kRight, 68, "end", 12,
        "Jaccard with the mask at half the text: blue the mean, band the layers; orange the bound");
  }

  void draw_strips(double row) {
    constexpr int kShades = 20;
    const auto n_expert = report_.membership.n_expert();
    const double cell = (kRight - kLeft) / static_cast<double>(n_expert);
    text(kLeft, kStripTop - 12, "start", 13,
         "Share of 200 bootstrap replicates that keep an expert (dark: all), most certain first; "
         "the line is K");
    for (std::size_t l = 0; l < report_.layers.size(); ++l) {
      const double y = kStripTop + row * static_cast<double>(l);
      std::vector<double> shares(report_.membership.row(l).begin(),
                                 report_.membership.row(l).end());
      std::sort(shares.rbegin(), shares.rend());
      std::vector<long> shades;
      for (const double share : shares) shades.push_back(std::lround(share * kShades));
      for (std::size_t e = 0; e < n_expert;) {
        const std::size_t first = e;
        while (e < n_expert && shades[e] == shades[first]) ++e;
        const auto shade = static_cast<double>(shades[first]) / kShades;
        const auto channel = [&](int light, int dark) {
          return static_cast<int>(std::lround(light + (dark - light) * shade));
        };
        add("<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" "
            "fill=\"#{:02x}{:02x}{:02x}\"/>\n",
            kLeft + cell * static_cast<double>(first), y, cell * static_cast<double>(e - first),
            row - 1, channel(0xf2, 0x12), channel(0xf4, 0x3c), channel(0xf7, 0x70));
      }
      text(kLeft - 8, y + row - 1.5, "end", static_cast<int>(std::min(row, 11.0)),
           fmt::format("{}", report_.layers[l].value));
    }
    const double k = kLeft + cell * report_.n_keep;
    const double bottom = kStripTop + row * static_cast<double>(report_.layers.size());
    add("<path d=\"M{:.2f} {:g}V{:.1f}\" stroke=\"#c8561b\" stroke-width=\"1.5\"/>\n", k,
        kStripTop - 6, bottom);
    text(kLeft, bottom + 20, "start", 12, "rows: layers");
  }

  const StabilityReport& report_;
  const RoutingStats& stats_;
  double lowest_ = 0.0;  // bottom of the curve
  std::string out_;
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
  return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string stability_svg(const StabilityReport& report, const RoutingStats& stats) {
  return Picture(report, stats).draw();
}

}  // namespace coe
