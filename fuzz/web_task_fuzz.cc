// Tasks of a web suite from hostile text, and wrong answers made of a reference: the input is a
// task, and a list of mutants after its first NUL.
#include "coe/base/result.h"
#include "coe/measure/webgen/task.h"

#include "require.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto at = std::min(input.find('\0'), input.size());
  const auto task = coe::parse_web_task(input.substr(0, at), "task.json");
  if (task) {
    require(!task->prompt.empty() && !task->title.empty());
    require(!coe::web_prompt(*task).empty());
    for (const auto& step : task->steps) require(step.ms >= 0);
  } else {
    require_plain(task.error(), {coe::Code::kCorrupt, coe::Code::kUnsupported});
  }
  const auto rest = input.substr(std::min(at + 1, input.size()));
  const auto mutants = coe::parse_web_mutants(rest, "<p id=one>a reference</p>", "mutants.json");
  if (mutants) {
    for (const auto& mutant : *mutants) require(!mutant.name.empty());
  } else {
    require_plain(mutants.error(), {coe::Code::kCorrupt});
  }
  return 0;
}
