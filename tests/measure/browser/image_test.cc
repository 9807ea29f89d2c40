#include "coe/measure/browser/image.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <png.h>
#include <string>
#include <vector>

namespace coe {
namespace {

Image white(std::uint32_t width, std::uint32_t height) {
  return {width, height, std::vector<std::uint8_t>(std::size_t{4} * width * height, 255)};
}

TEST(Image, CountsPixelsThatDiffer) {
  const auto a = white(10, 10);
  auto b = a;
  EXPECT_EQ(difference(a, b), 0.0);
  b.rgba[4 * 7 + 1] = 255 - 17;
  EXPECT_EQ(difference(a, b), 0.01);
  b.rgba[4 * 7 + 2] = 0;  // the same pixel
  EXPECT_EQ(difference(a, b), 0.01);
  b.rgba[4 * 50] = 255 - 16;  // within the tolerance
  EXPECT_EQ(difference(a, b), 0.01);
  EXPECT_EQ(difference(a, b, 15), 0.02);
  EXPECT_EQ(difference(a, white(10, 9)), 1.0);
}

TEST(Image, CountsPixelsThatAreDrawn) {
  auto image = white(10, 10);
  EXPECT_EQ(drawn_share(image), 0.0);
  image.rgba[0] = 0;
  image.rgba[4] = 1;
  EXPECT_EQ(drawn_share(image), 0.02);
  EXPECT_EQ(drawn_share({}), 0.0);
}

TEST(Image, ReadsWhatLibpngWrote) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = 2;
  header.height = 1;
  header.format = PNG_FORMAT_RGBA;
  const std::vector<std::uint8_t> pixels = {255, 0, 0, 255, 1, 2, 3, 255};
  png_alloc_size_t size = 0;
  ASSERT_NE(png_image_write_to_memory(&header, nullptr, &size, 0, pixels.data(), 0, nullptr), 0);
  std::string png(size, '\0');
  ASSERT_NE(png_image_write_to_memory(&header, png.data(), &size, 0, pixels.data(), 0, nullptr), 0);
  const auto image = coe::testing::value_of(decode_png(png));
  EXPECT_EQ(image.width, 2U);
  EXPECT_EQ(image.height, 1U);
  EXPECT_EQ(image.rgba, pixels);
  coe::testing::expect_error(decode_png(png.substr(0, png.size() - 20)), Code::kCorrupt,
                             "screenshot");
  coe::testing::expect_error(decode_png("no picture"), Code::kCorrupt, "screenshot");
}

}  // namespace
}  // namespace coe
