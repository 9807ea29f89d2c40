// Renders the result of `coe bench transfer`: rows, tables, JSON.
#pragma once

#include "coe/base/file.h"
#include "coe/cli/render/document.h"
#include "coe/cli/render/result_rows.h"
#include "coe/measure/transfer/transfer_run.h"

#include <string>

namespace coe::cli {

// Adds accuracy and perplexity of the parent once for each sub-domain, then all of each K.
void add_transfer_rows(const TransferReport& report, ResultRows& rows);
// [{"name", "n_keep", "random", "digest"}, …]
Json transfer_masks_json(const TransferReport& report);
// Orders the other specialists' text by Y, the best first: {"64": {"web": ["systems", …]}}.
Json transfer_order_json(const TransferReport& report);
std::string transfer_text(const TransferReport& report, const Path& folder);

}  // namespace coe::cli
