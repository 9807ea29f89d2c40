// `coe corpus build`: assembles a corpus from a TOML spec (docs/formats/corpus.md). First form:
// sources are JSONL files, folders of source files, and the built-in reasoning generator.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct BuiltDomain {
  std::string name;
  double weight = 1.0;
  std::uint64_t n_record = 0;
  std::uint64_t n_char = 0;       // Unicode code points
  std::uint64_t n_duplicate = 0;  // records dropped because their text occurred before
  bool left_out = false;          // fewer than min_records: none of them are in the output
};

struct CorpusBuildReport {
  std::vector<BuiltDomain> domains;  // in the order of the spec, those left out too
  std::uint64_t n_record = 0;        // in the output
  std::uint64_t n_char = 0;          // in the output
  std::string digest;                // of the output's bytes
};

struct CorpusBuildOptions {
  Path spec;
  Path output;
  Path root;  // that relative paths of the spec start from; empty: the spec's folder
  Overwrite overwrite = Overwrite::kRefuse;
};

// Same spec and same sources give identical bytes. Errors: kCorrupt naming spec, table and key, or
// a broken JSONL record; kNotFound for a source that is missing or matches no file, or when no
// domain has enough records; kExists for the output; kInvalidArgument when a source is the output;
// kCancelled. On any error no output is left.
Result<CorpusBuildReport> build_corpus(const CorpusBuildOptions& options, Observer& observer);

}  // namespace coe
