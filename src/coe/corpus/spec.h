// This reads and checks the TOML spec of `coe corpus build`. The format: docs/formats/corpus.md,
// "Build spec".
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/bad_records.h"
#include "coe/corpus/near_duplicates.h"
#include "coe/corpus/reasoning.h"
#include "coe/corpus/regex.h"
#include "coe/corpus/text_spec.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace coe {

inline constexpr std::uint64_t kUnlimited = UINT64_MAX;

// A filter keeps records or leaves them out.
struct FilterSpec {
  std::string field;  // of the record; empty: the text that comes of it
  bool keep = true;   // keeps what the pattern is found in; false: leaves that out
  Regex pattern;
};

// A chat spec says which fields of a record are the turns of a chat.
struct ChatSpec {
  std::string messages;  // a list of messages; or, when empty:
  std::optional<TextSpec> system;
  std::optional<TextSpec> user;
  std::optional<TextSpec> assistant;
  std::optional<TextSpec> thinking;
  bool drop_thinking = false;  // of all turns, wherever it stands
};

// For off-k splits (docs/method.md, section 1) records are numbered from 0 within their category,
// as published.
struct OffSpec {
  std::string category;  // field; empty: the whole source is one category
  std::uint64_t modulus = 10;
  std::vector<std::uint64_t> off;  // remainders to take; empty: all records
};

// What becomes of a text that is longer than max_chars.
struct SplitSpec {
  bool split = false;        // it is cut; false: left out
  std::uint64_t pieces = 0;  // at most so many pieces of one document; 0: all
};

// Files of records, one JSON object a line.
struct RecordFiles {
  std::vector<std::string> paths;  // patterns, relative to the root folder
  OffSpec off;
};

struct JsonlSource {
  RecordFiles files;
  std::vector<std::string> keep;  // fields to carry over
};

struct MmluProSource {
  RecordFiles files;
  std::vector<std::string> categories;  // empty: all
};

struct FilesSource {
  OffSpec off;  // files are numbered in the order of their paths
  std::string folder;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::uint64_t max_files = kUnlimited;
  std::uint64_t wrap = 0;  // break longer lines at blanks; 0: leave them
  bool skip_minified = true;
};

struct ReasoningSource {
  std::uint64_t n = 0;
  ReasoningFold fold;
};

struct SourceSpec {
  std::string where;  // "profile.toml:12: domain `web`, source 2", for messages
  std::uint64_t seed = 1;
  std::uint64_t min_chars = 0;
  std::uint64_t max_chars = kUnlimited;
  std::uint64_t min_tokens = 0;  // of a record
  std::uint64_t max_tokens = kUnlimited;
  BadLimit max_bad;
  std::string format;  // of the records; empty: what they say themselves, else "text"
  std::vector<FilterSpec> filters;
  // Samples of what is left.
  std::uint64_t max_records = kUnlimited;
  std::uint64_t token_cap = kUnlimited;
  SplitSpec splitting;  // only jsonl and files may set it
  // The fields that it may name depend on the kind: docs/formats/corpus.md.
  TextSpec text;
  std::optional<ChatSpec> chat;  // instead of `text`; files have none
  std::variant<JsonlSource, MmluProSource, FilesSource, ReasoningSource> kind;
};

struct DomainSpec {
  std::string name;
  std::string where;  // "profile.toml:10: domain `web`"
  double weight = 1.0;
  std::uint64_t min_records = 10;
  std::uint64_t max_records = kUnlimited;
  std::uint64_t min_tokens = 0;
  std::uint64_t token_cap = kUnlimited;
  std::uint64_t seed = 1;
  bool keep_thin = false;
  std::vector<SourceSpec> sources;
};

struct CorpusSpec {
  std::vector<DomainSpec> domains;  // at least one, in the order of the file
  NearDuplicateOptions near;
};

// Leaves of a spec what its `off` splits leave out: of each source with one, the other remainders.
// Sources without, and domains that then have none, are dropped. Errors: kInvalidArgument when
// nothing is left.
Status take_held_out(CorpusSpec& spec, const Path& name);

// Returns the part of a spec that can only be done with a model, as "profile.toml:12: domain `web`,
// source 2: key `chat`". It is empty when there is none.
std::string needs_model(const CorpusSpec& spec);

// `name` stands for the spec's path in messages. Errors: kCorrupt naming spec, line, table and key;
// the hint proposes the key that was probably meant.
Result<CorpusSpec> parse_corpus_spec(std::string_view toml, const Path& name);

}  // namespace coe
