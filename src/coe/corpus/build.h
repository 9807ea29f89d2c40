// This is what `coe corpus build` runs: it assembles a corpus from a TOML spec
// (docs/formats/corpus.md).
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/bad_records.h"
#include "coe/corpus/hooks.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coe {

struct BuiltDomain {
  std::string name;
  double weight = 1.0;
  std::uint64_t n_record = 0;
  std::uint64_t n_char = 0;            // Unicode code points
  std::uint64_t n_token = 0;           // 0 without a model
  std::uint64_t n_filtered = 0;        // records that filters and limits on tokens left out
  std::uint64_t n_duplicate = 0;       // records dropped because their text occurred before
  std::uint64_t n_near_duplicate = 0;  // records dropped because they are like one before
  std::uint64_t n_bad = 0;             // records that cannot be used
  std::vector<BadReason> bad = {};     // why not
  bool left_out = false;  // fewer than min_records or min_tokens: none of them are in the output
};

struct CorpusBuildReport {
  std::vector<BuiltDomain> domains;  // in the order of the spec, those left out too
  std::uint64_t n_record = 0;        // in the output
  std::uint64_t n_char = 0;          // in the output
  std::uint64_t n_token = 0;         // in the output; 0 without a model
  std::uint64_t n_byte = 0;          // of the output
  std::string digest;                // of the output's bytes
};

struct CorpusBuildOptions {
  Path spec;
  Path output;
  Path root;  // that relative paths of the spec start from; empty: the spec's folder
  Overwrite overwrite = Overwrite::kRefuse;
  ModelHooks model = {};
  std::optional<BadLimit> max_bad = {};  // of every source; none: what the spec says
  bool held_out = false;  // builds what the spec's `off` splits leave out; see take_held_out
};

// The same spec, sources and model give identical bytes, both of the output and of the manifest
// beside it. The output appears first and the manifest then, so a manifest without its output's
// digest is that of an earlier build. Records that cannot be used are left out and counted. Errors:
// kCorrupt naming spec, table and key, or more bad records than a source may have; kNotFound for a
// source that is missing or matches no file, or when no domain has enough records; kExists for the
// output; kInvalidArgument when a source is the output or the spec needs a model and there is none;
// those of the model's hooks; kCancelled. On any error no output is left.
Result<CorpusBuildReport> build_corpus(const CorpusBuildOptions& options, Observer& observer);

}  // namespace coe
