#include "coe/mask/recipe/profile_files.h"

#include "coe/profile/routing/file.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_stats.h"

#include <gtest/gtest.h>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::TempDir;
using ::coe::testing::value_of;

TEST(ProfileFiles, AFileIsReadOnce) {
  const TempDir dir;
  const auto stats = coe::testing::random_stats(coe::testing::shape_of(2, 8, 2), {{"a", 1.0}}, 1);
  ASSERT_TRUE(write_profile(dir / "p.gguf", stats, Overwrite::kRefuse));
  ProfileFiles files;
  const auto digest = value_of(files.load(dir / "p.gguf"));
  ASSERT_TRUE(write_file(dir / "p.gguf", "no profile any more", Overwrite::kAllow));
  EXPECT_EQ(value_of(files.load(dir / "p.gguf")), digest);
  ASSERT_EQ(files.set().all().size(), 1U);
  EXPECT_EQ(files.set().all()[0].digest, digest);
  EXPECT_EQ(files.set().all()[0].name, (dir / "p.gguf").string());
}

TEST(ProfileFiles, PassesErrorsOn) {
  ProfileFiles files;
  expect_error(files.load("/nowhere/p.gguf"), Code::kNotFound, "p.gguf");
  expect_error(files.load_table("/nowhere/t.gguf"), Code::kNotFound, "t.gguf");
  EXPECT_TRUE(files.set().all().empty());
}

}  // namespace
}  // namespace coe
