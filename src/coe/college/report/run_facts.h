// These facts of a run stand in a report: what its files say. Facts that are not there stay empty.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/college/package/facts.h"
#include "coe/engine/memory.h"
#include "coe/mask/keep_mask.h"
#include "coe/measure/footprint/parts.h"
#include "coe/profile/routing/stats.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coe {

// Shapes: [contexts][devices], the host last; `parent` may be empty.
struct ReportMemory {
  std::string engine;
  std::vector<std::uint32_t> contexts;
  std::vector<std::vector<DeviceMemory>> parent;
  std::vector<std::vector<DeviceMemory>> child;
};

struct ReportFile {
  Path path;
  std::uint64_t bytes = 0;
  FileParts parts;
};

struct NamedStats {
  Path file;
  RoutingStats stats;
  std::string digest;  // content_digest
};

struct RunFacts {
  std::string name;  // of its files: "web"
  Path mask_file;    // empty: there is none
  std::optional<KeepMask> mask;
  std::optional<ChildFacts> child;
  std::optional<ReportFile> child_file;
  std::optional<ReportFile> parent_file;
  std::vector<NamedStats> profiles;  // of pass 1; without a mask the one that the run is
  std::optional<EvaluationFacts> evaluation;
  std::optional<ChatFacts> chats;
  std::optional<HealSummary> healing;               // of NAME.heal.json
  std::optional<nlohmann::ordered_json> choice;     // NAME.choice.json
  std::optional<nlohmann::ordered_json> stability;  // NAME.profile.stability.json
  std::optional<ReportMemory> memory;
};

struct ReportInputs {
  std::vector<RunFacts> runs;
  std::vector<nlohmann::ordered_json> sweeps;     // documents of `coe mask --sweep --json`
  std::vector<nlohmann::ordered_json> transfers;  // arrays of rows of `coe bench transfer`
};

// Finds out what each input is, and what lies beside it. An input given twice is one run. Errors:
// kNotFound; kCorrupt for a file that is damaged; kInvalidArgument for one that no report can be
// made of, saying what can; kMismatch for a parent or profile that is of another model.
Result<ReportInputs> find_runs(const std::vector<Path>& inputs, const std::vector<Path>& profiles,
                               const Path& parent, Observer& observer);

}  // namespace coe
