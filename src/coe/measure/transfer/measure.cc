#include "coe/measure/transfer/measure.h"

#include "coe/base/hash.h"
#include "coe/measure/transfer/cells.h"
#include "coe/measure/tune/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <map>
#include <utility>

namespace coe {

namespace {

using Digests = std::vector<std::vector<std::string>>;  // as the masks

Digests digests_of(std::span<const std::vector<TransferMask>> masks) {
  Digests out;
  for (const auto& set : masks) {
    auto& digests = out.emplace_back();
    digests.reserve(set.size());
    for (const auto& one : set) digests.push_back(one.mask.digest());
  }
  return out;
}

// Measures what `cells` lacks, a mask that occurs twice once.
Status fill(const TransferBench& bench, std::span<const std::vector<TransferMask>> masks,
            const Digests& digests, const SubDomain& text, DomainCells& cells, Observer& observer) {
  std::vector<std::string> missing;
  std::vector<const KeepMask*> to_measure;
  for (std::size_t k = 0; k < masks.size(); ++k) {
    for (std::size_t m = 0; m < masks[k].size(); ++m) {
      const auto& digest = digests[k][m];
      if (cells.find(digest) != nullptr || std::ranges::find(missing, digest) != missing.end())
        continue;
      missing.push_back(digest);
      to_measure.push_back(&masks[k][m].mask);
    }
  }
  if (missing.empty()) return {};
  COE_TRY(auto* engine, bench.engine.get());
  Corpus corpus;
  corpus.domains.push_back(text);
  COE_TRY(auto sums, measure_masks({*engine, bench.file, bench.model, corpus, bench.eval},
                                   to_measure, observer));
  std::map<std::string, DomainEval, std::less<>> measured;
  for (std::size_t i = 0; i < missing.size(); ++i)
    measured.emplace(std::move(missing[i]), std::move(sums[i]));
  return cells.add(std::move(measured), engine->info().engine);
}

TransferMatrix matrix_of(const std::vector<TransferMask>& masks,
                         const std::vector<std::string>& digests, const Corpus& evaluation,
                         const std::vector<DomainCells>& cells) {
  TransferMatrix matrix;
  matrix.n_keep = masks.front().mask.n_keep();
  if (!cells.empty()) matrix.engine = cells.front().engine();
  for (const auto& domain : evaluation.domains) matrix.domains.push_back(domain.name);
  for (std::size_t m = 0; m < masks.size(); ++m) {
    matrix.specialists.push_back(masks[m].name);
    matrix.n_random += masks[m].random ? 1 : 0;
    for (const auto& domain : cells) matrix.cells.push_back(*domain.find(digests[m]));
  }
  return matrix;
}

}  // namespace

std::string file_name_of(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = byte < 0x80 && (std::isalnum(byte) != 0 || c == '_' || c == '-');
    out += is_plain ? c : '-';
  }
  if (out == name) return out;
  Hasher hasher;
  hasher.add(name);
  const auto digest = hasher.digest();
  return out.substr(0, 64) + "-" + digest.substr(digest.size() - 8);
}

Result<std::vector<TransferMatrix>> measure_transfer(
    const TransferBench& bench, std::span<const std::vector<TransferMask>> masks,
    Observer& observer) {
  const auto digests = digests_of(masks);
  std::vector<DomainCells> cells;
  for (const auto& domain : bench.evaluation.domains) {
    COE_TRY(
        auto opened,
        DomainCells::open(bench.folder / (file_name_of(domain.name) + ".json"), domain.name,
                          cell_settings(bench.model.id.digest, domain, bench.eval, bench.settings),
                          bench.overwrite));
    cells.push_back(std::move(opened));
  }
  for (std::size_t d = 0; d < cells.size(); ++d)
    COE_TRY_STATUS(fill(bench, masks, digests, bench.evaluation.domains[d], cells[d], observer));
  std::vector<TransferMatrix> matrices;
  matrices.reserve(masks.size());
  for (std::size_t k = 0; k < masks.size(); ++k)
    matrices.push_back(matrix_of(masks[k], digests[k], bench.evaluation, cells));
  return matrices;
}

}  // namespace coe
