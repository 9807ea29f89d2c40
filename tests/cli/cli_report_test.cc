// coe report as its user types it, without inference: a page of a mask, and what is refused.
#include "coe/base/file.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"
#include "coe/profile/routing/file.h"
#include "coe/profile/routing/stats.h"

#include "support/cli_test.h"
#include "support/expect.h"
#include "support/tiny_gguf.h"
#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

namespace coe {
namespace {

using coe::testing::expect_ok;
using coe::testing::value_of;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ReportDocument = nlohmann::json;

class CliReport : public coe::testing::CliTest {
 protected:
  CliReport() {
    testing::write_tiny(dir_ / "parent.gguf", testing::tiny_moe({}));
    const auto moe = value_of(describe_moe(value_of(gguf::GgufFile::open(dir_ / "parent.gguf"))));
    auto stats = testing::random_stats(testing::shape_of(2, 8, 2), {{"css", 1.0}, {"js", 1.0}}, 5);
    stats.parent = moe.id;
    expect_ok(write_profile(dir_ / "web.profile.gguf", stats, Overwrite::kRefuse));
    EXPECT_EQ(run("coe mask -p web.profile.gguf -k 4 -o web.mask.json").exit_code, 0);
    EXPECT_EQ(run("coe prune -m parent.gguf --mask web.mask.json -o web.gguf").exit_code, 0);
  }
};

TEST_F(CliReport, WritesAPageAndSaysWhatIsNotInIt) {
  const auto result = run("coe report web.gguf -m parent.gguf -o web.html");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("web: "));
  EXPECT_THAT(result.out, HasSubstr("  not in the report: an evaluation on held-out text\n"));
  EXPECT_THAT(result.out, HasSubstr("\nreport: web.html (5"));
  EXPECT_THAT(result.out, HasSubstr("\nnext: xdg-open web.html\n"));
  EXPECT_THAT(value_of(read_text(dir_ / "web.html")), StartsWith("<!doctype html>\n"));
}

TEST_F(CliReport, PrintsItsDocument) {
  const auto result = run("coe report web.mask.json -m parent.gguf -o web.html --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto doc = ReportDocument::parse(result.out);
  EXPECT_EQ(doc.at("schema"), "coe.report/1");
  EXPECT_EQ(doc.at("bytes"), std::filesystem::file_size(dir_ / "web.html"));
  const auto& run_of_web = doc.at("report").at("runs").at(0);
  EXPECT_EQ(run_of_web.at("n_keep"), 4);
  // The child beside its mask is taken with it.
  EXPECT_EQ(run_of_web.at("child_file").at("file"), "web.gguf");
  EXPECT_EQ(run_of_web.at("profile").at("overlap").at("names"), ReportDocument({"css", "js"}));
}

TEST_F(CliReport, RefusesWhatItCannotShowOrReplace) {
  EXPECT_EQ(run("coe report -o web.html").exit_code, 2);
  const auto model = run("coe report parent.gguf -o web.html");
  EXPECT_EQ(model.exit_code, 3) << model.err;
  EXPECT_THAT(model.err, HasSubstr("parent.gguf: does not say what it was cut from"));
  write("web.html", "mine");
  const auto taken = run("coe report web.gguf -o web.html");
  EXPECT_EQ(taken.exit_code, 2) << taken.err;
  EXPECT_EQ(value_of(read_text(dir_ / "web.html")), "mine");
  EXPECT_EQ(run("coe report web.gguf -o web.html --force").exit_code, 0);
  // No page takes the place of what it is made of.
  const auto input = run("coe report web.mask.json -o web.mask.json --force");
  EXPECT_EQ(input.exit_code, 2) << input.err;
  EXPECT_THAT(value_of(read_text(dir_ / "web.mask.json")), HasSubstr("coe.mask/1"));
}

}  // namespace
}  // namespace coe
