#include "coe/cli/render/report.h"

#include "coe/base/printable.h"
#include "coe/base/text.h"

#include <fmt/format.h>

namespace coe::cli {

Json report_json(const Json& report, const Path& file, std::size_t n_byte) {
  auto doc = document("report");
  doc["file"] = file.string();
  doc["bytes"] = n_byte;
  doc["report"] = report;
  return doc;
}

std::string report_text(const Json& report, const Path& file, std::size_t n_byte) {
  std::string text;
  for (const auto& run : report.at("runs")) {
    text += fmt::format("{}: {}\n", printable(run.at("name").get<std::string>()),
                        printable(run.at("title").get<std::string>()));
    for (const auto& words : run.at("missing"))
      text += fmt::format("  not in the report: {}\n", printable_lines(words.get<std::string>()));
  }
  for (const auto& words : report.at("missing"))
    text += fmt::format("not in the report: {}\n", printable_lines(words.get<std::string>()));
  return text + fmt::format("report: {} ({})\n", file.string(), human_bytes(n_byte));
}

}  // namespace coe::cli
