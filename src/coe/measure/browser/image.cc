#include "coe/measure/browser/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <png.h>
#include <unordered_map>

namespace coe {

Result<Image> decode_png(std::string_view png) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&header, png.data(), png.size()) == 0)
    return fail(Code::kCorrupt, fmt::format("screenshot: {}", header.message));
  header.format = PNG_FORMAT_RGBA;
  Image image{header.width, header.height, std::vector<std::uint8_t>(PNG_IMAGE_SIZE(header))};
  if (png_image_finish_read(&header, nullptr, image.rgba.data(), 0, nullptr) == 0) {
    const std::string message(header.message);
    png_image_free(&header);
    return fail(Code::kCorrupt, fmt::format("screenshot: {}", message));
  }
  return image;
}

double difference(const Image& a, const Image& b, int tolerance) {
  if (a.width != b.width || a.height != b.height) return 1.0;
  std::size_t n_different = 0;
  for (std::size_t i = 0; i < a.rgba.size(); i += 4) {
    for (std::size_t channel = 0; channel < 4; ++channel) {
      if (std::abs(a.rgba[i + channel] - b.rgba[i + channel]) <= tolerance) continue;
      ++n_different;
      break;
    }
  }
  const auto n = static_cast<double>(std::max<std::size_t>(1, a.rgba.size() / 4));
  return static_cast<double>(n_different) / n;
}

double drawn_share(const Image& image) {
  std::unordered_map<std::uint32_t, std::size_t> counts;
  std::size_t most = 0;
  for (std::size_t i = 0; i < image.rgba.size(); i += 4) {
    std::uint32_t colour = 0;
    std::memcpy(&colour, &image.rgba[i], 4);
    most = std::max(most, ++counts[colour]);
  }
  const auto n = image.rgba.size() / 4;
  return n == 0 ? 0.0 : static_cast<double>(n - most) / static_cast<double>(n);
}

}  // namespace coe
