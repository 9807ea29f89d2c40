#include "coe/specialize/heal_summary.h"

#include "coe/base/json.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <string>
#include <sys/stat.h>

namespace coe {
namespace {

HealSummary summary(bool helps) {
  return {
      .method = "ridge",
      .n_fit = 65536,
      .n_validation = 4000,
      .n_ff = 2112,
      .after = .75,
      .helps = helps,
      .settings = "method=ridge tokens=65536",
      .text_digest = "xxh3:1",
      .layers = {{LayerId{0}, .25, .75, 1.5, "ridge"}, {LayerId{3}, .125, 1.0, 1.0, "nothing"}}};
}

ino_t inode_of(const Path& file) {
  struct stat info{};
  EXPECT_EQ(::stat(file.c_str(), &info), 0);
  return info.st_ino;
}

CutRecords child(const std::string& settings, const std::string& text) {
  CutRecords records;
  records.heal_settings = settings;
  records.heal_text_digest = text;
  return records;
}

TEST(HealSummary, IsReadAsItIsWritten) {
  const auto json = heal_summary_json(summary(true));
  EXPECT_EQ(json.at("n_token_fit"), 65536);
  EXPECT_EQ(json.at("healed"), true);
  EXPECT_EQ(json.at("layers").at(1).at("layer"), 3);
  EXPECT_EQ(json.at("layers").at(0).at("kept"), "ridge");
  EXPECT_EQ(heal_summary_json(read_heal_summary(json)), json);
  for (const auto* key : {"after", "layers"}) {
    auto lacking = json;
    lacking.erase(key);
    EXPECT_THROW(read_heal_summary(lacking), nlohmann::json::exception);
  }
}

TEST(HealSummary, ItsFileIsKnown) {
  const testing::TempDir dir;
  const auto file = dir / "web.heal.json";
  EXPECT_FALSE(is_heal_file(file));
  testing::expect_ok(write_file(file, "[]", Overwrite::kRefuse));
  EXPECT_FALSE(is_heal_file(file));
  testing::expect_ok(write_file(file, R"({"schema":"coe.other/1"})", Overwrite::kAllow));
  EXPECT_FALSE(is_heal_file(file));
  testing::expect_ok(write_heal_file(file, "text=t mask=m", summary(true), Overwrite::kAllow));
  EXPECT_TRUE(is_heal_file(file));
  // A run that was killed before its child was there heals the same again, and changes nothing.
  const auto first = inode_of(file);
  testing::expect_ok(write_heal_file(file, "text=t mask=m", summary(true), Overwrite::kAllow));
  EXPECT_EQ(inode_of(file), first);
  testing::expect_ok(write_heal_file(file, "text=t mask=m", summary(false), Overwrite::kAllow));
  EXPECT_NE(inode_of(file), first);
}

// "n_random=3 healing=DIGEST threads=2" of NAME.eval.json.
TEST(HealSummary, WhatIsMeasuredOfAHealedChildIsOfNoOther) {
  const auto cut = child("", "");
  const auto ridge = child("method=ridge tokens=65536", "xxh3:1");
  const auto gain = child("method=gain tokens=65536", "xxh3:1");
  const auto measured = [](const CutRecords& of) {
    return "n_random=3 " + measured_child(of.heal_settings, of.n_used) + "threads=2";
  };
  EXPECT_EQ(measured(cut), "n_random=3 threads=2");
  EXPECT_TRUE(is_measured_of(cut, measured(cut)));
  EXPECT_TRUE(is_measured_of(ridge, measured(ridge)));
  EXPECT_FALSE(is_measured_of(ridge, measured(cut)));
  EXPECT_FALSE(is_measured_of(ridge, measured(gain)));
  EXPECT_FALSE(is_measured_of(cut, measured(ridge)));
  // Nor is what was measured of a cut that of one that uses fewer experts.
  auto fewer = cut;
  fewer.n_used = 6;
  EXPECT_EQ(measured(fewer), "n_random=3 experts_used=6 threads=2");
  EXPECT_TRUE(is_measured_of(fewer, measured(fewer)));
  for (const auto& other : {cut, ridge}) {
    EXPECT_FALSE(is_measured_of(fewer, measured(other)));
    EXPECT_FALSE(is_measured_of(other, measured(fewer)));
  }
  auto fewest = cut;
  fewest.n_used = 60;
  EXPECT_FALSE(is_measured_of(fewer, measured(fewest)));
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
