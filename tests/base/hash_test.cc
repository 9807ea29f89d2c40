#include "coe/base/hash.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace coe {
namespace {

TEST(Hasher, GivesXxh3OfTheEmptyInput) {
  // Published test value of XXH3-128, seed 0.
  EXPECT_EQ(Hasher().digest(), "xxh3:99aa06d3014798d86001c324468d497f");
}

TEST(Hasher, DoesNotDependOnHowTheInputIsCut) {
  const std::string text(1000, 'x');
  Hasher whole;
  whole.add(std::string_view(text));
  Hasher pieces;
  pieces.add(std::string_view(text).substr(0, 333));
  pieces.add(std::string_view(text).substr(333));
  EXPECT_EQ(whole.digest(), pieces.digest());
}

TEST(Hasher, AddsNumbersAsEightLittleEndianBytes) {
  Hasher number;
  number.add(std::uint64_t{0x0102});
  Hasher bytes;
  bytes.add(std::string_view("\x02\x01\0\0\0\0\0\0", 8));
  EXPECT_EQ(number.digest(), bytes.digest());
}

TEST(HashNumber, IsTheFirstHalfOfTheDigest) {
  EXPECT_EQ(hash_number(""), 0x99aa06d3014798d8U);
  EXPECT_NE(hash_number("expert"), hash_number("expers"));
}

TEST(Hasher, ChangesWithOneBit) {
  Hasher a;
  a.add(std::string_view("expert"));
  Hasher b;
  b.add(std::string_view("expers"));
  EXPECT_NE(a.digest(), b.digest());
}

}  // namespace
}  // namespace coe
