#include "coe/mask/compare/picture.h"

#include "coe/base/picture/chart.h"
#include "coe/base/picture/heat.h"
#include "coe/base/picture/palette.h"
#include "coe/base/picture/svg.h"
#include "coe/mask/compare/agg_cosine.h"
#include "coe/mask/compare/overlap.h"
#include "coe/mask/compare/tolerance.h"
#include "coe/model/moe/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

// Lengths in pixels.
constexpr double kWidth = 1270;
constexpr double kLeft = 300;  // of the layers; row labels stand before it
constexpr double kRight = 1190;
constexpr double kEnd = kWidth - 16;
constexpr double kPanel = 300;  // height of the curves

constexpr Rgb kShallow{0xf2, 0xa6, 0x3b};  // first layer; the last is palette::kHigh
constexpr Stroke kMark = {palette::kOrange, 1.2, "5 4"};
constexpr std::array kTargetColours = {palette::kPaleBlue, palette::kBlue, palette::kNavy};

using Row = std::vector<std::optional<double>>;

// Values of rows over layers.
struct HeatMap {
  std::string title;
  std::string note;
  std::vector<std::string> labels;
  std::vector<Row> rows;
  std::vector<std::optional<double>> summary;  // beside each row
  std::string_view summary_name = "mean";
};

std::string shortened(std::string_view name, std::size_t limit) {
  if (name.size() <= limit) return std::string(name);
  auto rest = name.substr(name.size() - limit + 3);
  // Not from the middle of a character.
  while (!rest.empty() && (static_cast<unsigned char>(rest[0]) & 0xC0U) == 0x80U)
    rest.remove_prefix(1);
  return "..." + std::string(rest);
}

// ".83", "1.0", "-.21": as many digits as fit a cell.
std::string cell_text(double value) {
  auto text = fmt::format("{:.2f}", value);
  if (text == "1.00" || text == "-1.00") return text.substr(0, text.size() - 1);
  if (const auto zero = text.find("0."); zero == 0 || (zero == 1 && text[0] == '-'))
    text.erase(zero, 1);
  return text;
}

// What a mask is called beside its rows: its file's name, without folder and ending where that
// tells it from the others, and the end of it where it is long.
std::vector<std::string> short_names(std::span<const NamedMask> masks) {
  constexpr std::size_t kLongest = 19;
  std::vector<std::string> names;
  for (const auto& named : masks) {
    std::string_view name = named.name;
    name = name.substr(name.find_last_of('/') + 1);
    for (const std::string_view ending : {".mask.json", ".json"})
      if (name.size() > ending.size() && name.ends_with(ending)) {
        name.remove_suffix(ending.size());
        break;
      }
    names.push_back(shortened(name, kLongest));
  }
  const auto sorted = [&] {
    auto copy = names;
    std::ranges::sort(copy);
    return copy;
  }();
  for (std::size_t m = 0; m < names.size(); ++m)
    if (std::ranges::count(sorted, names[m]) > 1)
      names[m] = fmt::format("{} {}", mask_letter(m), shortened(names[m], kLongest - 2));
  return names;
}

// "0.33", or "0.20 to 0.33" where it is not the same for all.
std::string range_text(std::vector<double> values) {
  const auto [least, most] = std::ranges::minmax(values);
  const auto [low, high] = std::pair(fmt::format("{:.2f}", least), fmt::format("{:.2f}", most));
  return low == high ? low : fmt::format("{} to {}", low, high);
}

std::string value_text(const std::optional<double>& value) {
  return value ? fmt::format("{:.3f}", *value) : std::string("none");
}

class Picture {
 public:
  Picture(std::span<const NamedMask> masks, const Overlap& overlap, const AggCosine* cosine,
          std::span<const Tolerance> profiles, std::string_view score)
      : masks_(masks),
        names_(short_names(masks)),
        overlap_(overlap),
        cosine_(cosine),
        profiles_(profiles),
        score_(score) {}

  std::string draw() {
    draw_head();
    draw_heat(jaccard(), overlap_.layers);
    if (cosine_ != nullptr) draw_heat(cosines(), overlap_.layers);
    for (const auto& profile : profiles_) {
      draw_heat(coverages(profile), profile.layers);
      draw_heat(entropy(profile), profile.layers);
      draw_curves(profile);
    }
    return svg_.finish(kWidth, y_ + 16);
  }

 private:
  std::string pair_name(const PairOverlap& pair) const {
    return fmt::format("{} and {}", names_[pair.a], names_[pair.b]);
  }
  std::uint32_t n_keep(std::size_t mask) const { return masks_[mask].mask.n_keep(); }

  // "; chance gives 0.33"; nothing where no mask says how many experts there are.
  std::string chance_text(std::vector<double> values) const {
    return overlap_.n_expert == 0 ? std::string()
                                  : fmt::format("; chance gives {}", range_text(std::move(values)));
  }

  void draw_head() {
    draw_heading(
        svg_,
        fmt::format("How alike are {} masks? {} layers{}", masks_.size(), overlap_.layers.size(),
                    overlap_.n_expert > 0 ? fmt::format(" of {} experts", overlap_.n_expert)
                                          : std::string()),
        {});
    y_ = 54;
    for (std::size_t m = 0; m < masks_.size(); ++m, y_ += 18) {
      svg_.text({16, y_}, Anchor::kStart, 13, names_[m], palette::kOrange);
      svg_.text({kLeft - 130, y_}, Anchor::kStart, 13,
                fmt::format("{}, keeps {} a layer", shortened(masks_[m].name, 100), n_keep(m)));
    }
    // One scale for all maps: what has the same colour has the same value.
    draw_heat_key(svg_, {kEnd - 24, 54}, "0.00", "1.00");
    y_ += 6;
  }

  HeatMap jaccard() const {
    HeatMap map{"Jaccard index of each pair, layer by layer", {}, {}, {}, {}};
    std::vector<double> by_chance;
    for (const auto& pair : overlap_.pairs) {
      by_chance.push_back(jaccard_by_chance(n_keep(pair.a), n_keep(pair.b), overlap_.n_expert));
      map.labels.push_back(pair_name(pair));
      map.rows.emplace_back(pair.jaccard.begin(), pair.jaccard.end());
      map.summary.emplace_back(pair.jaccard_mean);
    }
    map.note = "shared experts / experts that either keeps" + chance_text(std::move(by_chance));
    return map;
  }

  HeatMap cosines() const {
    HeatMap map{"Cosine of the summed down-projections beyond the backbone",
                "grey: a mask has nothing beyond it; below 0 as 0",
                {},
                {},
                {},
                "Agg-cos"};
    for (const auto& pair : overlap_.pairs) {
      map.labels.push_back(pair_name(pair));
      auto& row = map.rows.emplace_back();
      for (std::size_t l = 0; l < overlap_.layers.size(); ++l)
        row.push_back(cosine_->of_layer(pair.a, pair.b, l));
      map.summary.push_back(cosine_->of(pair.a, pair.b));
    }
    return map;
  }

  HeatMap coverages(const Tolerance& profile) const {
    HeatMap map{
        fmt::format("Share of the score `{}` that each mask covers", score_), {}, {}, {}, {}};
    std::vector<double> by_chance;
    for (std::size_t m = 0; m < profile.masks.size(); ++m) {
      const auto& covered = profile.masks[m];
      map.labels.push_back(names_[m]);
      by_chance.push_back(static_cast<double>(n_keep(m)) / overlap_.n_expert);
      map.rows.emplace_back(covered.layers.begin(), covered.layers.end());
      map.summary.emplace_back(covered.mean);
    }
    map.note =
        fmt::format("profile {}{}", shortened(profile.name, 60), chance_text(std::move(by_chance)));
    return map;
  }

  HeatMap entropy(const Tolerance& profile) const {
    double sum = 0.0;
    for (const double value : profile.entropy) sum += value;
    return {"How evenly each layer routes (normalised entropy)",
            "1: all experts alike",
            {"entropy"},
            {Row(profile.entropy.begin(), profile.entropy.end())},
            {sum / static_cast<double>(profile.entropy.size())}};
  }

  // Every layer has a column.
  void draw_layer_numbers(const std::vector<LayerId>& layers, double left, double right,
                          double bottom) {
    const Scale across = {0.0, static_cast<double>(layers.size()), left, right};
    std::vector<Tick> ticks;
    ticks.reserve(layers.size());
    for (std::size_t l = 0; l < layers.size(); ++l)
      ticks.push_back({static_cast<double>(l) + 0.5, fmt::format("{}", layers[l].value)});
    draw_columns(svg_, across, bottom, bottom, ticks, ColumnLines::kNone, 24);
  }

  void draw_heat(const HeatMap& map, const std::vector<LayerId>& layers) {
    y_ += 32;
    svg_.text({16, y_}, Anchor::kStart, 14, map.title);
    svg_.text({520, y_}, Anchor::kStart, 12, map.note, palette::kGrey);
    y_ += 10;
    const double height = map.rows.size() > 12 ? 14 : 22;
    const double cell = (kRight - kLeft) / static_cast<double>(layers.size());
    const CellGrid grid = {{kLeft, y_}, cell, height};
    const bool numbers = cell >= 20 && height >= 20;
    for (std::size_t r = 0; r < map.rows.size(); ++r) {
      const double middle = grid.at(r, 0).y + height / 2 + 4;
      svg_.text({kLeft - 8, middle}, Anchor::kEnd, 12, map.labels[r]);
      for (std::size_t l = 0; l < layers.size(); ++l) {
        const auto& value = map.rows[r][l];
        grid.fill(svg_, r, l, value);
        if (numbers && value)
          svg_.text({grid.at(r, l).x + cell / 2 - 0.5, middle}, Anchor::kMiddle, 10,
                    cell_text(*value), ink_on(heat(*value)));
      }
      svg_.text({kRight + 8, middle}, Anchor::kStart, 12, value_text(map.summary[r]));
    }
    y_ = grid.at(map.rows.size(), 0).y;
    svg_.text({kLeft - 8, y_ + 16}, Anchor::kEnd, 12, "layer", palette::kGrey);
    svg_.text({kRight + 8, y_ + 16}, Anchor::kStart, 12, map.summary_name, palette::kGrey);
    draw_layer_numbers(layers, kLeft, kRight, y_);
    y_ += 16;
  }

  Rgb depth_colour(std::size_t row, std::size_t n_layer) const {
    return mix(kShallow, palette::kHigh,
               n_layer > 1 ? static_cast<double>(row) / static_cast<double>(n_layer - 1) : 0.0);
  }

  void draw_curves(const Tolerance& profile) {
    y_ += 30;
    const double middle = 590;
    svg_.text({16, y_}, Anchor::kStart, 14, "What the best K experts of a layer cover");
    svg_.text({middle, y_}, Anchor::kStart, 14, "Smallest K that covers");
    y_ += 16;
    draw_coverage(profile, {56, y_ + 8}, middle - 56 - 56);
    draw_enough(profile, {middle + 40, y_ + 8}, kEnd - middle - 92);
    y_ += kPanel + 44;
  }

  // The K of the masks, each once.
  std::vector<std::uint32_t> n_keeps() const {
    std::vector<std::uint32_t> out;
    for (const auto& named : masks_) out.push_back(named.mask.n_keep());
    std::ranges::sort(out);
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

  void draw_coverage(const Tolerance& profile, Point corner, double width) {
    const double bottom = corner.y + kPanel;
    const double n = profile.n_keeps.empty() ? 1.0 : profile.n_keeps.back();
    const Scale x_of = {0.0, n, corner.x, corner.x + width};
    const Scale y_of = {0.0, 1.0, bottom, corner.y};
    draw_rows(svg_, y_of, corner.x, corner.x + width, percent_ticks(5));
    draw_columns(svg_, x_of, corner.y, bottom, count_ticks(n, 4), ColumnLines::kNone);
    svg_.text({corner.x + width / 2, bottom + 34}, Anchor::kMiddle, 12, "K, experts kept");
    for (const auto k : n_keeps()) {
      svg_.line({x_of(k), corner.y}, {x_of(k), bottom}, kMark);
      svg_.text({x_of(k) + 4, bottom - 6}, Anchor::kStart, 11, fmt::format("K = {}", k),
                palette::kOrange);
    }
    for (std::size_t l = 0; l < profile.layers.size(); ++l) {
      std::vector<Point> points = {{x_of(0), y_of(0)}};
      for (std::size_t i = 0; i < profile.n_keeps.size(); ++i)
        points.push_back({x_of(profile.n_keeps[i]), y_of(profile.curve.at(l, i))});
      const auto colour = hex(depth_colour(l, profile.layers.size()));
      svg_.polyline(points, {colour, 1.3, {}, 0.8});
    }
    draw_depth_legend(profile, {corner.x + width - 150, bottom - 46});
  }

  void draw_depth_legend(const Tolerance& profile, Point corner) {
    draw_gradient(svg_, corner, 100, 9, 20,
                  [](double share) { return mix(kShallow, palette::kHigh, share); });
    svg_.text({corner.x - 5, corner.y + 9}, Anchor::kEnd, 11,
              fmt::format("layer {}", profile.layers.front().value));
    svg_.text({corner.x + 105, corner.y + 9}, Anchor::kStart, 11,
              fmt::format("{}", profile.layers.back().value));
  }

  void draw_enough(const Tolerance& profile, Point corner, double width) {
    const double bottom = corner.y + kPanel;
    const double n = profile.n_keeps.empty() ? 1.0 : profile.n_keeps.back();
    const double cell = width / static_cast<double>(profile.layers.size());
    const Scale y_of = {0.0, n, bottom, corner.y};
    draw_rows(svg_, y_of, corner.x, corner.x + width, count_ticks(n, 4));
    for (const auto k : n_keeps()) {
      svg_.line({corner.x, y_of(k)}, {corner.x + width, y_of(k)}, kMark);
      svg_.text({corner.x + width + 4, y_of(k) + 4}, Anchor::kStart, 11, fmt::format("K = {}", k),
                palette::kOrange);
    }
    for (std::size_t l = 0; l < profile.layers.size(); ++l) {
      const double x = corner.x + cell * (static_cast<double>(l) + 0.5);
      const auto& enough = profile.enough[l];
      svg_.line({x, y_of(enough.front())}, {x, y_of(enough.back())}, {"#b9c6d6", 2});
      for (std::size_t t = 0; t < enough.size(); ++t)
        svg_.circle({x, y_of(enough[t])}, std::clamp(cell / 4, 1.6, 4.0), kTargetColours[t]);
    }
    for (std::size_t t = 0; t < kCoverTargets.size(); ++t) {
      const double x = corner.x + 140 + 76.0 * static_cast<double>(t);
      svg_.circle({x, corner.y - 28}, 4, kTargetColours[t]);
      svg_.text({x + 8, corner.y - 24}, Anchor::kStart, 12,
                fmt::format("{:.0f} %", 100 * kCoverTargets[t]));
    }
    draw_layer_numbers(profile.layers, corner.x, corner.x + width, bottom);
    svg_.text({corner.x + width / 2, bottom + 34}, Anchor::kMiddle, 12, "layer");
  }

  std::span<const NamedMask> masks_;
  std::vector<std::string> names_;  // short
  const Overlap& overlap_;
  const AggCosine* cosine_;
  std::span<const Tolerance> profiles_;
  std::string_view score_;
  double y_ = 0.0;  // what is above is drawn
  Svg svg_;
};

}  // namespace

std::string comparison_svg(std::span<const NamedMask> masks, const Overlap& overlap,
                           const AggCosine* cosine, std::span<const Tolerance> profiles,
                           std::string_view score) {
  return Picture(masks, overlap, cosine, profiles, score).draw();
}

}  // namespace coe
