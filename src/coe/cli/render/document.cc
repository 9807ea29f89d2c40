#include "coe/cli/render/document.h"

#include "coe/base/text.h"

#include <fmt/format.h>

namespace coe::cli {

Json document(std::string_view verb) {
  return Json{{"schema", fmt::format("coe.{}/1", verb)}, {"version", tool_version()}};
}

Json interval_json(const Interval& interval) {
  return {{"value", interval.value}, {"ci_low", interval.lower}, {"ci_high", interval.upper}};
}

}  // namespace coe::cli
