#include "coe/measure/cells/measure.h"

#include "coe/base/hash.h"
#include "coe/measure/tune/measure.h"

#include <cctype>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace coe {

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

Result<DomainCells> open_cells(const CellBench& bench, const SubDomain& text) {
  return DomainCells::open(bench.folder / (file_name_of(text.name) + ".json"), text.name,
                           cell_settings(bench.model.id.digest, text, bench.eval, bench.settings),
                           bench.overwrite);
}

Status fill_cells(const CellBench& bench, const SubDomain& text,
                  std::span<const KeepMask* const> masks, DomainCells& cells, Observer& observer) {
  std::set<std::string> seen;
  std::vector<std::string> missing;
  std::vector<const KeepMask*> to_measure;
  for (const auto* mask : masks) {
    auto digest = mask->digest();
    if (cells.find(digest) != nullptr || !seen.insert(digest).second) continue;
    missing.push_back(std::move(digest));
    to_measure.push_back(mask);
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

}  // namespace coe
