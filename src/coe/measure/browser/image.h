// This turns screenshots into pixels.
#pragma once

#include "coe/base/result.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace coe {

struct Image {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint8_t> rgba;  // [height, width, 4]
};

// Errors: kCorrupt, with libpng's reason.
Result<Image> decode_png(std::string_view png);

// Returns the share of pixels in which the pictures differ by more than `tolerance` of 255 in a
// channel, and 1 for pictures of different size.
double difference(const Image& a, const Image& b, int tolerance = 16);

// Returns the share of pixels that are not of the commonest colour: 0 for an empty page.
double drawn_share(const Image& image);

}  // namespace coe
