#include "coe/cli/render/doctor.h"

#include "coe/base/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace coe::cli {

namespace {

std::string_view health_name(Health health) {
  static constexpr std::array<std::string_view, 3> kNames = {"works", "missing", "broken"};
  return kNames.at(static_cast<std::size_t>(health));
}

}  // namespace

Json doctor_json(const std::vector<DoctorCheck>& checks) {
  auto doc = document("doctor");
  doc["checks"] = Json::array();
  for (const auto& check : checks)
    doc["checks"].push_back({{"what", check.what},
                             {"health", health_name(check.health)},
                             {"found", check.words},
                             {"mend", check.mend}});
  return doc;
}

std::string doctor_text(const std::vector<DoctorCheck>& checks) {
  std::size_t widest = 0;
  for (const auto& check : checks) widest = std::max(widest, check.what.size());
  std::string text;
  for (const auto& check : checks) {
    text += fmt::format("  {:<7}  {:<{}}  {}\n", health_name(check.health), check.what, widest,
                        printable_lines(check.words));
    if (!check.mend.empty())
      text += fmt::format("  {:<7}  {:<{}}  {}\n", "", "", widest, printable_lines(check.mend));
  }
  return text;
}

}  // namespace coe::cli
