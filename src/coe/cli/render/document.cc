#include "coe/cli/render/document.h"

#include "coe/base/text.h"

#include <fmt/format.h>

namespace coe::cli {

Json document(std::string_view verb) {
  return Json{{"schema", fmt::format("coe.{}/1", verb)}, {"version", tool_version()}};
}

}  // namespace coe::cli
