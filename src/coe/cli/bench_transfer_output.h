// What `coe bench transfer` says: rows, tables, pictures.
#pragma once

#include "coe/base/file.h"
#include "coe/cli/result_rows.h"
#include "coe/cli/session.h"
#include "coe/transfer/matrix.h"

#include <cstddef>
#include <string>
#include <vector>

namespace coe::cli {

// All of one K.
struct TransferResult {
  TransferMatrix matrix;
  TransferSquare square;
  TransferReading reading;
};

// Accuracy and perplexity of the parent, once for each sub-domain.
void add_parent_rows(const TransferMatrix& matrix, ResultRows& rows);
void add_transfer_rows(const TransferResult& result, ResultRows& rows);
std::string transfer_text(const TransferResult& result);
// {"web": ["systems", …]}: the other specialists' text, best Y first.
Json order_json(const TransferResult& result);

// Names in the folder of what is drawn.
std::string matrix_file(std::uint32_t n_keep);
std::string scatter_file(std::uint32_t n_keep);
Status write_pictures(const TransferResult& result, const Path& folder, Overwrite overwrite);

}  // namespace coe::cli
