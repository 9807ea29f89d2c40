// A session is what every verb gets: the common flags, the console, and the engine's library.
#pragma once

#include "coe/base/file.h"
#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/cli/console.h"
#include "coe/cli/render/document.h"
#include "coe/cli/render/result_rows.h"
#include "coe/engine/engine_library.h"
#include "coe/profile/cluster/ranks.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace coe::cli {

struct Session {
  Session(Ranks& of_process, const EngineLibrary& linked) : ranks(of_process), library(linked) {}

  Ranks& ranks;
  const EngineLibrary& library;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool force = false;
  std::string colors = "auto";
  std::string command_line;
  ConsoleObserver console;
  Json taken = Json::array();  // what was taken of each text; `emit` adds it to the document

  Overwrite overwrite() const { return force ? Overwrite::kAllow : Overwrite::kRefuse; }
  // A verb calls it first for a file that it writes last. It refuses one that is in the way
  // (check_output), and holds it against other processes for as long as the lock lives. Without a
  // name there is nothing to hold.
  Result<std::optional<RunLock>> claim(const Path& output) const;
  // Rows of this command: see ResultRows.
  ResultRows result_rows(std::string_view kind) const;
  // The verb's result: `document` with --json, else `text` (dropped by -q).
  Status emit(const Json& document, std::string_view text);
};

// Runs after parsing; returns the exit code of work that was done, or an error.
using Run = std::function<Result<int>(Session&)>;

}  // namespace coe::cli
