// Renders what `coe prune` did, or with --dry-run would do.
#pragma once

#include "coe/base/file.h"
#include "coe/child/surgery/expert_counts.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/cli/render/document.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coe::cli {

struct PruneOutput {
  const SurgeryPlan& plan;
  Path parent;
  std::vector<Path> files;  // of the child; not empty
  std::string mode;
  ExpertCounts counts;
  std::uint64_t bytes_parent = 0;
  bool dry_run = false;
  double wall_s = 0.0;                  // of writing
  const VerifyReport* proof = nullptr;  // null: none was asked for
  double proof_wall_s = 0.0;
};

// A dry run's document lists all tensors of all files.
Json prune_json(const PruneOutput& output);
// A dry run's text lists the tensors that change.
std::string prune_text(const PruneOutput& output);

}  // namespace coe::cli
