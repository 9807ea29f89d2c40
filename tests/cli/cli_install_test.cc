// cmake --install: each file is where the binary and people look for it.
#include "support/installed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace coe {
namespace {

using ::testing::HasSubstr;

class CliInstall : public testing::InstalledTest {};

TEST_F(CliInstall, EverythingHasItsPlace) {
  for (const auto* path :
       {"bin/coe", "share/coe/web/page.js", "share/coe/web/tasks/css-nav/task.json",
        "share/coe/web/toolchain/build.mjs", "share/coe/web/toolchain/package-lock.json",
        "share/coe/examples/web.toml", "share/coe/schemas/mask.schema.json", "share/man/man1/coe.1",
        "share/man/man1/coe-bench-web.1", "share/bash-completion/completions/coe",
        "share/zsh/vendor-completions/_coe", "share/fish/vendor_completions.d/coe.fish",
        "share/doc/coe/LICENSE", "share/doc/coe/README.md", "share/doc/coe/docs/architecture.md"})
    EXPECT_TRUE(std::filesystem::is_regular_file(dir_ / "moved" / path)) << path;
  EXPECT_FALSE(std::filesystem::exists(dir_ / "moved/share/coe/web/toolchain/node_modules"));
}

TEST_F(CliInstall, AMovedBinaryFindsItsSuite) {
  const auto suite = std::filesystem::canonical(dir_ / "moved/share/coe/web").string();
  const auto none = run("moved/bin/coe bench web --check --task no-such-task");
  EXPECT_EQ(none.exit_code, 3) << none.err;
  EXPECT_THAT(none.err, HasSubstr("no task or category `no-such-task` in " + suite));

  std::filesystem::remove_all(suite);
  const auto gone = run("moved/bin/coe bench web --check --task css-nav");
  EXPECT_THAT(gone.err, HasSubstr("holds no web suite"));
}

}  // namespace
}  // namespace coe
