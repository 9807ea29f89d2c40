// Journals that runs go on from, as a kill, a full disk or a hand may have left them: the answers
// of models, and what trying web pages came to. What is read is what a run could have written.
#include "coe/ask/journal.h"
#include "coe/base/lines.h"
#include "coe/base/result.h"
#include "coe/measure/webgen/outcome.h"

#include "memory_file.h"
#include "require.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace {

void check_answers(std::span<const std::byte> bytes) {
  const MemoryFile file(bytes);
  const auto journal = coe::read_journal(file.path());
  if (!journal) return require_plain(journal.error(), {coe::Code::kCorrupt, coe::Code::kNotFound});
  for (const auto& [question, entry] : journal->entries)
    require(question < journal->header.n_question && !coe::outcome_name(entry.outcome).empty());
}

void check_outcomes(std::string_view text) {
  coe::LineReader lines(text);
  while (const auto line = lines.next()) {
    const auto found = coe::parse_outcome_line(line->text);
    if (!found) continue;
    const auto again = coe::parse_outcome_line(coe::outcome_line(found->first, found->second));
    require(again && again->first == found->first);
    require(again->second.passed() == found->second.passed());
    require(again->second.pictures == found->second.pictures);
    require(again->second.peak_memory == found->second.peak_memory);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  check_answers(bytes);
  check_outcomes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return 0;
}
