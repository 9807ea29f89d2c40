#include "coe/specialize/heal_summary.h"

#include "coe/base/json.h"
#include "coe/model/gguf/value.h"

#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

HealSummary summary(bool helps) {
  return {.method = "ridge",
          .n_fit = 65536,
          .n_validation = 4000,
          .n_ff = 2112,
          .after = .75,
          .helps = helps,
          .settings = "method=ridge tokens=65536",
          .text_digest = "xxh3:1"};
}

gguf::Header child(const std::string& settings, const std::string& text) {
  gguf::Header header;
  if (settings.empty()) return header;
  header.keys = {{"coe.heal.settings", gguf::Value::string(settings)},
                 {"coe.heal.text_digest", gguf::Value::string(text)}};
  return header;
}

TEST(HealSummary, IsReadAsItIsWritten) {
  const auto json = heal_summary_json(summary(true));
  EXPECT_EQ(json.at("n_token_fit"), 65536);
  EXPECT_EQ(json.at("healed"), true);
  EXPECT_EQ(heal_summary_json(read_heal_summary(json)), json);
  auto lacking = json;
  lacking.erase("after");
  EXPECT_THROW(read_heal_summary(lacking), nlohmann::json::exception);
}

TEST(HealSummary, KnowsTheChildThatWasHealedSo) {
  EXPECT_TRUE(is_healed_so(child("method=ridge tokens=65536", "xxh3:1"), summary(true)));
  EXPECT_FALSE(is_healed_so(child("method=ridge tokens=65536", "xxh3:2"), summary(true)));
  EXPECT_FALSE(is_healed_so(child("method=gain tokens=65536", "xxh3:1"), summary(true)));
  EXPECT_FALSE(is_healed_so(child("", ""), summary(true)));
  EXPECT_TRUE(is_healed_so(child("", ""), summary(false)));
  EXPECT_FALSE(is_healed_so(child("method=ridge tokens=65536", "xxh3:1"), summary(false)));
}

}  // namespace
}  // namespace coe
