// The files that a finished run of generate_corpus leaves.
#pragma once

#include "coe/ask/generate/generate.h"
#include "coe/ask/journal.h"
#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"

#include <cstdint>
#include <map>
#include <vector>

namespace coe {

struct GeneratedQuestion {
  const SubDomain* domain = nullptr;
  const Record* record = nullptr;
};

// kExists when the folder holds one of them already.
Status check_outputs(const Path& folder);

// Adds the numbers of their records to `report`. Each file appears whole, in place of an older one.
Status write_outputs(const std::vector<GeneratedQuestion>& questions,
                     const std::map<std::uint64_t, JournalEntry>& entries,
                     const GenerateCorpusOptions& options, GenerateCorpusReport& report);

}  // namespace coe
