#include "coe/college/serve/college_text.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::value_of;

TEST(CollegeText, IsASubDomainForEachMemberThatNamesText) {
  const TempDir dir;
  expect_ok(write_file(dir / "all.jsonl",
                       "{\"text\":\"a div\",\"domain\":\"html\"}\n"
                       "{\"text\":\"once\",\"domain\":\"tales\"}\n"
                       "{\"text\":\"a span\",\"domain\":\"html\"}\n",
                       Overwrite::kRefuse));
  CollegeSpec spec;
  const auto add = [&](const char* where, const char* name, std::vector<Path> text,
                       const char* domain) {
    auto& member = spec.members.emplace_back();
    member.where = where;
    member.name = name;
    member.text = std::move(text);
    member.domain = domain;
  };
  add("c.toml:3", "web", {dir / "all.jsonl"}, "html");
  add("c.toml:7", "parent", {}, "");
  add("c.toml:9", "both", {dir / "all.jsonl"}, "");
  const auto corpus = value_of(college_text(spec, {}, silent_observer()));
  ASSERT_EQ(corpus.domains.size(), 2U);
  EXPECT_EQ(corpus.domains[0].name, "both");
  EXPECT_EQ(corpus.domains[0].records.size(), 3U);
  EXPECT_EQ(corpus.domains[1].name, "web");
  ASSERT_EQ(corpus.domains[1].records.size(), 2U);
  EXPECT_EQ(corpus.domains[1].records[1].text, "a span");
  spec.members[0].domain = "css";
  expect_error(college_text(spec, {}, silent_observer()), Code::kInvalidArgument, "c.toml:3");
  spec.members[0].text = {dir / "none.jsonl"};
  expect_error(college_text(spec, {}, silent_observer()), Code::kNotFound, "none.jsonl");
}

}  // namespace
}  // namespace coe
