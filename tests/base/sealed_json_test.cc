#include "coe/base/sealed_json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>

namespace coe {
namespace {

using Json = nlohmann::ordered_json;

TEST(SealedJson, ComesBackAsItWas) {
  const Json document = {{"a", {1.5, -0.0, 1e-300, 18446744073709551615U}}, {"b", "\xc3\xa9\n"}};
  for (const int indent : {-1, 2}) {
    const auto text = sealed_json(document, indent);
    EXPECT_EQ(text.back(), '\n');
    EXPECT_EQ(open_sealed_json(text), document);
  }
}

// Another digit is another valid document, but for the checksum.
TEST(SealedJson, NoticesEveryFlippedBit) {
  const Json document = {{"kl", 0.25}, {"name", "web"}, {"n", {1, 2, 3}}};
  const auto whole = sealed_json(document);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto text = whole;
      text[at] = static_cast<char>(text[at] ^ (1 << bit));
      try {
        // White space at the end says nothing.
        EXPECT_EQ(open_sealed_json(text), document) << at << " " << bit;
      } catch (const Json::exception&) {
        continue;
      }
    }
  }
}

TEST(SealedJson, RefusesWhatHasNone) {
  for (const auto* text : {"", "[]", "1", "{}", R"({"a":1})", R"({"a":1,"checksum":2})",
                           R"({"a":1,"checksum":"xxh3:0"})"})
    EXPECT_THROW(open_sealed_json(text), Json::exception) << text;
}

}  // namespace
}  // namespace coe
