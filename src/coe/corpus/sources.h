// One source of a build spec, read into records.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/spec.h"

#include <string>
#include <utility>
#include <vector>

namespace coe {

struct BuildContext {
  Path root;    // that relative paths of the spec start from
  Path output;  // never read as a source
};

struct Draft {
  std::string text;
  std::string source;  // "lodash/map.js#2", "questions.jsonl:7", "reasoning/gcd:12"
  std::string format;  // "text", "chat", …
  std::vector<std::pair<std::string, std::string>> extra;  // further fields of the record
};

// Errors: kNotFound for a path that is missing or matches nothing, kCorrupt for a JSONL record that
// cannot be used, kInvalidArgument when a source is the output itself, kCancelled; all name the
// source in the spec. Warns of files that are no text and of a source that gave nothing.
Result<std::vector<Draft>> read_source(const SourceSpec& spec, const BuildContext& context,
                                       Observer& observer);

}  // namespace coe
