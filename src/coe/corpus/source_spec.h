// This reads one [[domain.source]] of a build spec. It is private to corpus/.
#pragma once

#include "coe/base/result.h"
#include "coe/base/toml_table.h"
#include "coe/corpus/bad_records.h"
#include "coe/corpus/spec.h"

#include <cstdint>

namespace coe {

// The top, a domain and a source share these keys. The innermost that sets one wins.
struct SpecDefaults {
  std::uint64_t seed = 1;
  std::uint64_t min_chars = 0;
  std::uint64_t max_chars = kUnlimited;
  std::uint64_t min_tokens = 0;
  std::uint64_t max_tokens = kUnlimited;
  BadLimit max_bad = {};
};
Result<SpecDefaults> read_defaults(TomlTable& table, const SpecDefaults& outer);

// Errors: kCorrupt, as of parse_corpus_spec.
Result<SourceSpec> read_source_spec(TomlTable table, const SpecDefaults& outer);

}  // namespace coe
