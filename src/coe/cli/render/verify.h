// Renders the result of `coe verify`.
#pragma once

#include "coe/base/file.h"
#include "coe/child/verify/verify.h"
#include "coe/cli/render/document.h"
#include "coe/measure/eval/slice_check.h"

#include <optional>
#include <string>

namespace coe::cli {

struct VerifyOutput {
  Path parent;
  Path child;
  VerifyReport report;
  std::optional<SliceCheck> run;  // of both on the same text
  double wall_s = 0.0;

  bool ok() const { return report.ok() && (!run || run->ok()); }
};
Json verify_json(const VerifyOutput& output);
std::string verify_text(const VerifyOutput& output);

}  // namespace coe::cli
