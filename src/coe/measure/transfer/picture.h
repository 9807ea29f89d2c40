// The transfer matrix as a heat map, and loss against likeness as scatter plots.
#pragma once

#include "coe/measure/transfer/matrix.h"

#include <string>

namespace coe {

// Specialists by row, text by column, in each cell Y and the KL beside it; a frame marks a
// specialist's own text. The random masks are one row, their mean.
std::string matrix_svg(const TransferMatrix& matrix);

// Y and KL (rows) against residual F and Agg-cos (columns, those that are defined), a dot for each
// ordered pair, coloured by specialist. At least one likeness must be defined, of two specialists
// or more.
std::string scatter_svg(const TransferMatrix& matrix, const TransferSquare& square,
                        const TransferReading& reading);

}  // namespace coe
