#include "coe/cli/session.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"

#include <optional>
#include <utility>

namespace coe::cli {

ResultRows Session::result_rows(std::string_view kind) const {
  return {kind, library, command_line};
}

Result<std::optional<RunLock>> Session::claim(const Path& output) const {
  if (output.empty()) return std::optional<RunLock>();
  COE_TRY(auto lock, RunLock::take(output));
  COE_TRY_STATUS(check_output(output, overwrite()));
  return std::optional<RunLock>(std::move(lock));
}

Status Session::emit(const Json& document, std::string_view text) {
  console.clear();
  // Text from files may not be UTF-8; replace rather than fail.
  if (json) {
    Json whole = document;
    if (!taken.empty()) whole["taken"] = taken;
    return print(json_text(whole, 2) + "\n");
  }
  if (quiet) return {};
  return print_words(printable_lines(text));  // names and words in it may come from anywhere
}

}  // namespace coe::cli
