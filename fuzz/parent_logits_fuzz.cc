// A parent's condensed logits from arbitrary bytes: what is read must be what later code relies on,
// and errors must be one line.
#include "coe/base/result.h"
#include "coe/measure/eval/parent_cache.h"

#include "require.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace {

void require_refusal(const coe::Error& error) {
  require_plain(error, {coe::Code::kCorrupt, coe::Code::kUnsupported});
}

void check_row(const coe::ParentRow& row, std::uint32_t n_vocab) {
  const auto& condensed = row.condensed;
  require(!condensed.ids.empty() && condensed.ids.size() == condensed.logits.size());
  for (std::size_t i = 0; i < condensed.ids.size(); ++i) {
    require(condensed.ids[i] < n_vocab && std::isfinite(condensed.logits[i]));
    require(i == 0 || condensed.ids[i] > condensed.ids[i - 1]);
  }
  require(row.first < n_vocab && std::isfinite(row.norm) && std::isfinite(row.next_logit));
  require(condensed.rest_mass >= 0.0 && condensed.rest_mass <= 1.0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  auto reader = coe::ParentLogitsReader::open(bytes, "fuzz");
  if (!reader) {
    require_refusal(reader.error());
    return 0;
  }
  for (std::uint64_t i = 0; i < reader->header().n_sequence; ++i) {
    const auto rows = reader->next();
    if (!rows) {
      require_refusal(rows.error());
      return 0;
    }
    for (const auto& row : *rows) check_row(row, reader->header().n_vocab);
  }
  if (const auto end = reader->finish(); !end) require_refusal(end.error());
  return 0;
}
