#include "coe/measure/browser/find_chromium.h"

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/measure/browser/sandbox.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace coe {
namespace {

constexpr const char* kInstall =
    "apt install chromium-headless-shell, or name another Chromium with --browser";

// The links that snaps lay, and the script that Ubuntu puts in their place.
bool is_snap(const Path& program) {
  if (program.filename() == "snap" || program.string().starts_with("/snap/")) return true;
  std::ifstream file(program, std::ios::binary);
  constexpr std::size_t kLooked = 2048;
  std::string start(kLooked, '\0');
  file.read(start.data(), kLooked);
  start.resize(static_cast<std::size_t>(file.gcount()));
  return start.starts_with("#!") && start.find("snap") != std::string::npos;
}

Path behind_links(const Path& program) {
  std::error_code ec;
  const Path real = std::filesystem::canonical(program, ec);
  return ec ? program : real;
}

tl::unexpected<Error> snap_error(const Path& program) {
  return fail(Code::kEngine,
              fmt::format("{}: it is a snap, which does not start in a sandbox", program.string()),
              kInstall);
}

}  // namespace

Result<Path> find_chromium(const Path& wanted) {
  if (!wanted.empty()) {
    if (::access(wanted.c_str(), X_OK) != 0)
      return fail(Code::kEngine, fmt::format("{}: is no program", wanted.string()));
    if (is_snap(behind_links(wanted))) return snap_error(wanted);
    return behind_links(wanted);
  }
  // The shell first: without the parts that nobody sees it takes a third of the memory.
  constexpr std::array kNames = {
      "chromium-headless-shell", "chrome-headless-shell", "chromium",
      "chromium-browser",        "google-chrome",         "google-chrome-stable"};
  Path snap;
  for (const auto* name : kNames) {
    const auto found = find_program(name, "");
    if (!found) continue;
    Path program = behind_links(*found);
    if (!is_snap(program)) return program;
    if (snap.empty()) snap = *found;
  }
  if (!snap.empty()) return snap_error(snap);
  return fail(Code::kEngine, "there is no Chromium in PATH", kInstall);
}

std::vector<Path> folders_of(const Path& program) {
  const Path folder = program.parent_path();
  if (folder == "/usr" || folder.string().starts_with("/usr/")) return {};
  return {folder};
}

}  // namespace coe
