// A matrix with numbers that are easily worked out.
#pragma once

#include "coe/measure/transfer/matrix.h"

#include <cstdint>
#include <vector>

namespace coe::testing {

// Specialists a, b, c and x, and one random mask, on a, b, c and y. Each cell has two equal
// records; in all 20 tokens, of which the parent predicts 10 and the mask `hits`, with a KL of 10 -
// hits.
inline TransferMatrix hand_matrix() {
  TransferMatrix matrix;
  matrix.n_keep = 4;
  matrix.specialists = {"a", "b", "c", "x", "random-1"};
  matrix.n_random = 1;
  matrix.domains = {"a", "b", "c", "y"};
  const std::vector<std::uint64_t> hits = {8, 6, 2,  4,  //
                                           5, 9, 3,  4,  //
                                           1, 2, 10, 4,  //
                                           6, 6, 6,  4,  //
                                           4, 4, 4,  4};
  for (const auto hit : hits) {
    DomainEval cell;
    RecordEval record;
    record.n_token = 10;
    record.nll = 20.0;
    record.reference_nll = 10.0;
    record.n_reference_hit = 5;
    for (const auto part : {hit / 2, hit - hit / 2}) {
      record.n_hit = part;
      record.kl = 5.0 - static_cast<double>(part);
      cell.add(record);
    }
    matrix.cells.push_back(cell);
  }
  return matrix;
}

}  // namespace coe::testing
