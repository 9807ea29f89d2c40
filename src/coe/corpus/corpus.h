// A corpus in memory has named sub-domains with weights, and each of these a list of records of
// text. `domain` and `weight` are fields of a record; where they are missing, the file's stem and 1
// stand for them. The format: docs/formats/corpus.md.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/text_spec.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct Record {
  std::string text;
  std::string where;  // "web.jsonl:12", for messages
  // The text that this is a piece of, as `coe corpus build` names it ("src/app.js" of the field
  // `source` "src/app.js#3"); empty: it is whole.
  std::string piece_of = {};
};

struct SubDomain {
  std::string name;
  double weight = 1.0;
  std::vector<Record> records;
};

struct Corpus {
  std::vector<SubDomain> domains;  // sorted by name
  std::string digest;              // over names, weights and texts in order
  std::uint64_t n_record() const;
};

// A corpus that names no text spec has this one: the field `text`.
const TextSpec& default_text_spec();

// Reads a file's bytes as JSON Lines or as an array of objects; `name` stands for its path. What
// people give in other forms, `take_text` (corpus/intake) takes. Blank lines, a UTF-8 byte order
// mark and carriage returns before a newline are passed over. Records keep the order of lines
// within their domain. Errors: kCorrupt naming file and line (not UTF-8, not JSON, which says what
// it is instead, no such field, an empty text, a bad or contradicting weight), kCorrupt when the
// file holds no record.
Result<Corpus> parse_corpus(std::string_view jsonl, const Path& name, const TextSpec& spec);

}  // namespace coe
