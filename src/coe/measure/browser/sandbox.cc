#include "coe/measure/browser/sandbox.h"

#include "coe/base/printable.h"
#include "coe/base/process/child_process.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace coe {

namespace {

constexpr std::size_t kErrorBytes = 200;

// Whether a file of /proc/sys holds this one digit.
bool holds_digit(const char* path, char digit) {
  std::ifstream file(path);
  char found = '\0';
  return file.get(found) && found == digit;
}

// Whether bwrap works is found out once.
Status try_box(const std::vector<std::string>& box) {
  static const Status tried = [&]() -> Status {
    auto command = box;
    command.emplace_back("true");
    const auto ran = run_program(command, "", {});
    if (ran && ran->exit_code == 0) return {};
    const std::string errors = ran ? ran->errors : ran.error().message;
    return fail(Code::kEngine,
                fmt::format("bwrap cannot make a sandbox here: {}",
                            printable(errors.substr(0, errors.find('\n')), kErrorBytes)),
                sandbox_hint(user_namespaces(), errors));
  }();
  return tried;
}

}  // namespace

UserNamespaces user_namespaces() {
  return {.apparmor_restricts =
              holds_digit("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1'),
          .allowed = !holds_digit("/proc/sys/kernel/unprivileged_userns_clone", '0'),
          .any = !holds_digit("/proc/sys/user/max_user_namespaces", '0')};
}

std::string sandbox_hint(const UserNamespaces& namespaces, std::string_view errors) {
  constexpr std::string_view kElse = "; or pass --no-sandbox on a machine that may be lost";
  std::string_view what =
      "a container must allow it: docker run --security-opt seccomp=unconfined --security-opt "
      "apparmor=unconfined --security-opt systempaths=unconfined";
  if (namespaces.apparmor_restricts)
    what =
        "AppArmor forbids user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1, as "
        "on Ubuntu since 23.10): apt install apparmor-profiles, copy "
        "/usr/share/apparmor/extra-profiles/bwrap-userns-restrict to /etc/apparmor.d/ and run "
        "systemctl reload apparmor, or set that sysctl to 0";
  else if (!namespaces.allowed)
    what = "it needs user namespaces: sysctl kernel.unprivileged_userns_clone=1";
  else if (!namespaces.any)
    what = "it needs user namespaces: sysctl user.max_user_namespaces=10000";
  else if (errors.find("loopback") != std::string_view::npos)
    what =
        "it may make namespaces, but no network in them: a container or a security module forbids "
        "that, as docker run without --security-opt seccomp=unconfined does";
  return std::string(what) + std::string(kElse);
}

Result<Path> find_program(const std::string& name, const std::string& package) {
  const char* variable = std::getenv("PATH");
  std::istringstream folders(variable != nullptr ? variable : "/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    Path path = Path(folder.empty() ? "." : folder) / name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail(Code::kEngine, fmt::format("{} is not installed", name),
              fmt::format("apt install {}", package));
}

Result<std::vector<std::string>> sandboxed(const std::vector<std::string>& command,
                                           const std::vector<Path>& visible) {
  COE_TRY(const auto bwrap, find_program("bwrap", "bubblewrap"));
  std::vector<std::string> box = {bwrap.string()};
  const auto add = [&](std::initializer_list<std::string_view> words) {
    box.insert(box.end(), words.begin(), words.end());
  };
  // A user that is not root, for Chromium has a sandbox of its own that root may not have.
  add({"--unshare-all",
       "--die-with-parent",
       "--new-session",
       "--uid",
       "1000",
       "--gid",
       "1000",
       "--clearenv",
       "--setenv",
       "PATH",
       "/usr/local/bin:/usr/bin:/bin",
       "--setenv",
       "HOME",
       "/home/box",
       "--setenv",
       "LANG",
       "C.UTF-8",
       "--ro-bind",
       "/usr",
       "/usr"});
  constexpr std::array kLinks = {"/bin", "/lib", "/lib32", "/lib64", "/sbin"};
  for (const auto* link : kLinks) add({"--ro-bind-try", link, link});
  constexpr std::array kSettings = {"/etc/alternatives", "/etc/chromium", "/etc/chromium.d",
                                    "/etc/fonts", "/etc/ld.so.cache"};
  for (const auto* settings : kSettings) add({"--ro-bind-try", settings, settings});
  add({"--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/dev/shm", "--dir",
       "/home/box", "--chdir", "/tmp"});
  COE_TRY_STATUS(try_box(box));
  for (const auto& path : visible) add({"--ro-bind", path.native(), path.native()});
  box.insert(box.end(), command.begin(), command.end());
  return box;
}

}  // namespace coe
