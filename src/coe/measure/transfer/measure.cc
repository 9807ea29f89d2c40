#include "coe/measure/transfer/measure.h"

#include "coe/measure/cells/cells.h"

#include <cstddef>
#include <utility>

namespace coe {

namespace {

TransferMatrix matrix_of(const std::vector<TransferMask>& masks, const Corpus& evaluation,
                         const std::vector<DomainCells>& cells) {
  TransferMatrix matrix;
  matrix.n_keep = masks.front().mask.n_keep();
  if (!cells.empty()) matrix.engine = cells.front().engine();
  for (const auto& domain : evaluation.domains) matrix.domains.push_back(domain.name);
  for (const auto& one : masks) {
    matrix.specialists.push_back(one.name);
    matrix.n_random += one.random ? 1 : 0;
    const auto digest = one.mask.digest();
    for (const auto& domain : cells) matrix.cells.push_back(*domain.find(digest));
  }
  return matrix;
}

}  // namespace

Result<std::vector<TransferMatrix>> measure_transfer(
    const TransferBench& bench, std::span<const std::vector<TransferMask>> masks,
    Observer& observer) {
  std::vector<const KeepMask*> all;
  for (const auto& set : masks)
    for (const auto& one : set) all.push_back(&one.mask);
  std::vector<DomainCells> cells;
  for (const auto& domain : bench.evaluation.domains) {
    COE_TRY(auto opened, open_cells(bench.cells, domain));
    cells.push_back(std::move(opened));
  }
  for (std::size_t d = 0; d < cells.size(); ++d)
    COE_TRY_STATUS(fill_cells(bench.cells, bench.evaluation.domains[d], all, cells[d], observer));
  std::vector<TransferMatrix> matrices;
  matrices.reserve(masks.size());
  for (const auto& set : masks) matrices.push_back(matrix_of(set, bench.evaluation, cells));
  return matrices;
}

}  // namespace coe
