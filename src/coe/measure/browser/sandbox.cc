#include "coe/measure/browser/sandbox.h"

#include "coe/base/process/child_process.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace coe {

namespace {

// Whether bwrap works is found out once.
Status try_box(const std::vector<std::string>& box) {
  static const Status tried = [&]() -> Status {
    auto command = box;
    command.emplace_back("true");
    const auto ran = run_program(command, "", {});
    if (ran && ran->exit_code == 0) return {};
    return fail(
        Code::kEngine,
        fmt::format("bwrap cannot make a sandbox here: {}",
                    ran ? ran->errors.substr(0, ran->errors.find('\n')) : ran.error().message),
        "it needs user namespaces (sysctl kernel.unprivileged_userns_clone=1), or pass "
        "--no-sandbox on a machine that may be lost");
  }();
  return tried;
}

}  // namespace

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
