// The TOML spec of `coe corpus build`, read and checked. docs/formats/corpus.md, "Build spec".
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/reasoning.h"
#include "coe/corpus/text_spec.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

inline constexpr std::uint64_t kUnlimited = UINT64_MAX;

struct SourceSpec {
  enum class Kind : std::uint8_t { kJsonl, kFiles, kReasoning };
  Kind kind = Kind::kFiles;
  std::string where;  // "profile.toml:12: domain `web`, source 2", for messages
  std::uint64_t seed = 1;
  std::uint64_t min_chars = 0;
  std::uint64_t max_chars = kUnlimited;
  std::string format;  // of the records; empty: what they say themselves, else "text"

  // kJsonl, kFiles
  bool split = false;        // cut what is longer than max_chars; false: leave it out
  std::uint64_t pieces = 0;  // at most so many pieces of one document; 0: all

  // kJsonl
  std::vector<std::string> paths;  // patterns, relative to the root folder
  std::uint64_t max_records = kUnlimited;

  // kJsonl: fields of the record. kFiles: {text}, {path}. kReasoning: {problem}, {thinking},
  // {solution}, {family}.
  TextSpec text;

  // kFiles
  std::string folder;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::uint64_t max_files = kUnlimited;
  std::uint64_t wrap = 0;  // break longer lines at blanks; 0: leave them
  bool skip_minified = true;

  // kReasoning
  std::uint64_t n = 0;
  ReasoningFold fold;
};

struct DomainSpec {
  std::string name;
  std::string where;  // "profile.toml:10: domain `web`"
  double weight = 1.0;
  std::uint64_t min_records = 10;
  std::uint64_t max_records = kUnlimited;
  std::uint64_t seed = 1;
  bool keep_thin = false;
  std::vector<SourceSpec> sources;
};

struct CorpusSpec {
  std::vector<DomainSpec> domains;  // at least one, in the order of the file
};

// `name` stands for the spec's path in messages. Errors: kCorrupt naming spec, line, table and key;
// the hint proposes the key that was probably meant.
Result<CorpusSpec> parse_corpus_spec(std::string_view toml, const Path& name);

}  // namespace coe
