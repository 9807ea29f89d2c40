#include "coe/base/inputs.h"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <optional>
#include <sys/stat.h>
#include <utility>

namespace coe {
namespace {

using Identity = std::pair<dev_t, ino_t>;

struct Inputs {
  std::mutex mutex;
  std::map<Identity, std::string> roles;
};

Inputs& inputs() {
  static Inputs all;
  return all;
}

std::optional<Identity> identity_of(const std::filesystem::path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return Identity{info.st_dev, info.st_ino};
}

}  // namespace

void protect_input(const std::filesystem::path& file, const std::string& role) {
  const auto identity = identity_of(file);
  if (!identity) return;
  auto& all = inputs();
  const std::lock_guard lock(all.mutex);
  all.roles.emplace(*identity, role);
}

Status check_not_input(const std::filesystem::path& output) {
  const auto identity = identity_of(output);
  if (!identity) return {};
  auto& all = inputs();
  const std::lock_guard lock(all.mutex);
  const auto found = all.roles.find(*identity);
  if (found == all.roles.end()) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("{}: the output is an input of the same command ({})", output.string(),
                          found->second),
              "choose another name for the output; --force does not replace an input");
}

}  // namespace coe
