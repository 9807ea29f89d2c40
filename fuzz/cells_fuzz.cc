// Cells of a run, read back from a file of arbitrary bytes: measurements that could have
// been made, or an error of one line.
#include "coe/measure/cells/cells.h"

#include "memory_file.h"
#include "require.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(std::as_bytes(std::span(data, size)));
  const auto cells = coe::DomainCells::open(file.path(), "d", "model=m", coe::Overwrite::kRefuse);
  if (!cells) {
    require_plain(cells.error(), {coe::Code::kExists});
    return 0;
  }
  if (const auto* eval = cells->find("xxh3:1")) {
    require(eval->n_record > 0 && eval->n_record == eval->records.size());
    for (const auto& record : eval->records)
      require(record.n_token > 0 && std::isfinite(record.kl));
  }
  return 0;
}
