// The colours of all pictures.
#pragma once

#include "coe/base/picture/svg.h"

#include <array>
#include <string_view>

namespace coe::palette {

// Those that words have (ink, grey, blue, orange, navy) stand out 4.5 to 1 from the white ground.
inline constexpr std::string_view kInk = "#222";
inline constexpr std::string_view kGrey = "#666";  // what explains: notes, numbers of an axis
inline constexpr std::string_view kGrid = "#e4e4e4";
inline constexpr std::string_view kNothing = "#e2e2e2";  // a cell without a value

// The main curve, and a second one that is like it; the curve or mark that says what it costs.
inline constexpr std::string_view kBlue = "#2f74b5";
inline constexpr std::string_view kPaleBlue = "#8fb8de";
inline constexpr std::string_view kOrange = "#bf5119";
// Bands around curves.
inline constexpr std::string_view kBlueBand = "#cfe0f3";
inline constexpr std::string_view kOrangeBand = "#f5dccc";

// From the lowest to the highest value of a heat map.
inline constexpr Rgb kLow{0xfb, 0xf3, 0xdc};
inline constexpr Rgb kMiddle{0x5a, 0xae, 0xae};
inline constexpr Rgb kHigh{0x12, 0x3c, 0x70};
inline constexpr std::string_view kNavy = "#123c70";  // kHigh

// Groups of dots that are told apart by colour alone.
inline constexpr std::array<std::string_view, 8> kSeries = {
    kBlue, kOrange, "#3a8f4a", "#8b4fa8", "#b0902a", "#1f9aa0", "#c23b6b", "#555555"};

}  // namespace coe::palette
