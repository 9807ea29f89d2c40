// This reads one source of a build spec into records.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/bad_records.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/manifest.h"
#include "coe/corpus/spec.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coe {

struct BuildContext {
  Path root;    // that relative paths of the spec start from
  Path output;  // never read as a source, nor is its manifest
  const ModelHooks& model;
  SourceLog& log;                   // of the files read
  std::optional<BadLimit> max_bad;  // for every source, whatever the spec says
};

struct Draft {
  std::string text;
  std::string source;  // "lodash/map.js#2", "questions.jsonl:7", "reasoning/gcd:12"
  std::string format;  // "text", "chat", …
  std::vector<std::pair<std::string, std::string>> extra;  // further fields of the record
  std::uint64_t n_token = 0;                               // once counted
};

// Samples rank a record by this name.
const std::string& draft_name(const Draft& draft);

struct SourceRecords {
  std::vector<Draft> drafts;
  std::uint64_t n_filtered = 0;  // left out by filters or by their number of tokens
  BadRecords bad;                // left out because they cannot be used
};

// Warns of files that are no text, of a source that gave nothing, and of thinking that is not known
// as such. Errors, which all name the source in the spec: kNotFound for a path that is missing or
// matches nothing; kCorrupt for more bad records than may be; kInvalidArgument when a source is the
// output itself; those of the model's hooks that hold for all chats; kCancelled.
Result<SourceRecords> read_source(const SourceSpec& spec, const BuildContext& context,
                                  Observer& observer);

}  // namespace coe
