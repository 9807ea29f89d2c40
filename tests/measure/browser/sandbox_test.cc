#include "coe/measure/browser/sandbox.h"

#include "coe/base/process/child_process.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace coe {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

TEST(Sandbox, HasNoNetworkAndNoFilesOfTheHost) {
  const coe::testing::TempDir dir;
  std::ofstream(dir / "secret") << "secret";
  std::ofstream(dir / "shown") << "shown";
  const auto script =
      "cat " + (dir / "shown").string() + "; cat " + (dir / "secret").string() +
      "; ls -A /root/* /home/*/* 2>/dev/null; cat /proc/net/dev | grep -c eth; id -u; touch " +
      (dir / "shown").string() + " && echo written";
  const auto command = sandboxed(shell(script), {dir / "shown"});
  if (!command) GTEST_SKIP() << command.error().message;
  const auto ran = coe::testing::value_of(run_program(*command, "", {}));
  EXPECT_EQ(ran.output, "shown0\n1000\n");
  EXPECT_THAT(ran.errors, HasSubstr("secret: No such file"));
}

TEST(FindProgram, SaysWhatToInstall) {
  EXPECT_TRUE(find_program("sh", "dash"));
  const auto none = find_program("no-such-program", "some-package");
  coe::testing::expect_error(none, Code::kEngine, "no-such-program is not installed");
  EXPECT_EQ(none.error().hint, "apt install some-package");
}

}  // namespace
}  // namespace coe
