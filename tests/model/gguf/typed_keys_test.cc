#include "coe/model/gguf/typed_keys.h"

#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"

#include <gtest/gtest.h>

#include <optional>

namespace coe::gguf {
namespace {

TEST(TypedKeys, OfOtherTypesAreNone) {
  Header header;
  header.keys = {{"name", Value::string("a")}, {"n", Value::u16(7)}, {"i", Value::i32(-1)}};
  EXPECT_EQ(text_at(header, "name"), "a");
  EXPECT_EQ(text_at(header, "n"), std::nullopt);
  EXPECT_EQ(text_at(header, "missing"), std::nullopt);
  EXPECT_EQ(count_at(header, "n"), 7U);
  EXPECT_EQ(count_at(header, "name"), std::nullopt);
  EXPECT_EQ(count_at(header, "i"), std::nullopt);
  EXPECT_EQ(count_at(header, "missing"), std::nullopt);
}

}  // namespace
}  // namespace coe::gguf
