#include "coe/measure/browser/sandbox.h"

#include "coe/base/process/child_process.h"
#include "coe/measure/browser/find_chromium.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
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

TEST(SandboxHint, NamesWhatForbidsIt) {
  const std::string denied = "bwrap: setting up uid map: Permission denied";
  EXPECT_THAT(sandbox_hint({.apparmor_restricts = true}, denied),
              ::testing::AllOf(HasSubstr("AppArmor"), HasSubstr("bwrap-userns-restrict"),
                               HasSubstr("apparmor-profiles"), HasSubstr("--no-sandbox")));
  EXPECT_THAT(sandbox_hint({.allowed = false}, denied),
              HasSubstr("kernel.unprivileged_userns_clone=1"));
  EXPECT_THAT(sandbox_hint({.any = false}, denied), HasSubstr("user.max_user_namespaces"));
  EXPECT_THAT(sandbox_hint({}, "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted"),
              HasSubstr("no network in them"));
  EXPECT_THAT(sandbox_hint({}, denied), HasSubstr("a container must allow it"));
}

class FindChromium : public ::testing::Test {
 protected:
  Path program(const std::string& name, const std::string& script) {
    const Path path = dir_ / name;
    std::ofstream(path) << script;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }
  coe::testing::TempDir dir_;
};

TEST_F(FindChromium, RefusesTheStubOfASnap) {
  const auto stub = program("chromium-browser",
                            "#!/bin/sh\necho requires the chromium snap to be installed >&2\n");
  const auto found = find_chromium(stub);
  coe::testing::expect_error(found, Code::kEngine, "chromium-browser: it is a snap");
  EXPECT_THAT(found.error().hint, HasSubstr("--browser"));
  coe::testing::expect_error(find_chromium(dir_ / "none"), Code::kEngine, "is no program");
}

TEST_F(FindChromium, GoesBehindLinksToWhatTheSandboxMustShow) {
  std::filesystem::create_directories(dir_ / "opt");
  const auto real = program("opt/chrome", "#!/bin/sh\nexec true\n");
  std::filesystem::create_symlink(real, dir_ / "google-chrome");
  const auto found = coe::testing::value_of(find_chromium(dir_ / "google-chrome"));
  EXPECT_EQ(found, std::filesystem::canonical(real));
  EXPECT_THAT(folders_of(found), ::testing::ElementsAre(found.parent_path()));
  EXPECT_TRUE(folders_of("/usr/lib/chromium/chromium").empty());
}

TEST(FindProgram, SaysWhatToInstall) {
  EXPECT_TRUE(find_program("sh", "dash"));
  const auto none = find_program("no-such-program", "some-package");
  coe::testing::expect_error(none, Code::kEngine, "no-such-program is not installed");
  EXPECT_EQ(none.error().hint, "apt install some-package");
}

}  // namespace
}  // namespace coe
