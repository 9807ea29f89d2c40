// A report: what a run of coe made, in one document and one page. Source: docs/formats/report.md.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/college/report/run_facts.h"
#include "coe/engine/engine_library.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace coe {

struct ReportOptions {
  // Specialists (a child, its mask, its package), profiles, and what `coe mask --sweep --json` and
  // `coe bench transfer` leave.
  std::vector<Path> inputs;
  std::vector<Path> profiles;  // to find those of masks in, beside the ones that lie beside them
  Path parent;                 // empty: not given
  EngineOptions engine;        // how memory is predicted; its .model is set here
  bool memory = true;          // predict it
  std::string command_line;
};

// The memory of the child, and of `parent` where that is given. Nothing may have opened the engine
// before. nullopt, with a warning, where the engine cannot say.
std::optional<ReportMemory> child_memory(const EngineLibrary& library, const Path& parent,
                                         const Path& child, EngineOptions engine,
                                         Observer& observer);
// The same before there is a child: of the parent cut to n_keep experts a layer.
std::optional<ReportMemory> future_memory(const EngineLibrary& library, const Path& parent,
                                          std::uint32_t n_keep, EngineOptions engine,
                                          Observer& observer);

// Schema `coe.report/1`. What is not there is named in the document (`missing`). Errors: those of
// find_runs.
Result<nlohmann::ordered_json> make_report(const ReportOptions& options,
                                           const EngineLibrary& library, Observer& observer);

// Whether a file begins as a report's page does; then a run may replace its own.
bool is_report(const Path& file);

// The report of one run of `specialize`, whose memory was predicted before it.
// `profile`: that the mask was made of, where none lies beside the child; empty: one does.
Result<nlohmann::ordered_json> specialist_report(const Path& child, const Path& parent,
                                                 const Path& profile,
                                                 std::optional<ReportMemory> memory,
                                                 const std::string& command_line,
                                                 Observer& observer);

}  // namespace coe
