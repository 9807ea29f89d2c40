// Renders the result of `coe eval`: tables, its document, rows.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/cli/render/result_rows.h"
#include "coe/measure/eval/eval.h"
#include "coe/measure/eval/noise_floor.h"

#include <string>
#include <vector>

namespace coe::cli {

// One subject's report. `first`: that of the first mask, null for itself.
struct EvalOutput {
  const EvalReport& report;
  std::string mask;  // file; empty: the model as it is
  const EvalReport* first = nullptr;
  bool is_condensed = false;  // against a condensed reference
  bool per_record = false;    // also the sums of each record, for statistics of the reader's own
};
Json eval_json(const EvalOutput& output);
std::string eval_text(const EvalOutput& output);
void add_eval_rows(const EvalOutput& output, ResultRows& rows);

// Both say how far the model's logits move on this device without a mask.
Json noise_json(const NoiseFloor& noise);
std::string noise_text(const NoiseFloor& noise);

}  // namespace coe::cli
