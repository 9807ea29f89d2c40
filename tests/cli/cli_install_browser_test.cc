// An installed web suite, with the packages of its toolchain, tries pages.
#include "support/installed.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace coe {
namespace {

class CliWebInstalled : public testing::InstalledTest {};

TEST_F(CliWebInstalled, ChecksATask) {
  const std::filesystem::path packages = COE_SOURCE_DIR "/web/toolchain/node_modules";
  if (!std::filesystem::exists(packages)) GTEST_SKIP() << packages << " is not there";
  std::filesystem::create_directory_symlink(packages,
                                            dir_ / "moved/share/coe/web/toolchain/node_modules");
  const auto checked = run("moved/bin/coe bench web --check --task css-toggle");
  if (checked.exit_code == 4) GTEST_SKIP() << checked.err;  // no browser
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
}

}  // namespace
}  // namespace coe
