// A corpus in memory: named sub-domains with weights, each a list of records of text. Input: JSONL
// files, one object a line; `domain` and `weight` fields where present, else the file's stem and 1.
// docs/formats/corpus.md.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/text_spec.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coe {

struct Record {
  std::string text;
  std::string where;  // "web.jsonl:12", for messages
};

struct SubDomain {
  std::string name;
  double weight = 1.0;
  std::vector<Record> records;
};

struct Corpus {
  std::vector<SubDomain> domains;  // sorted by name
  std::string digest;              // over names, weights and texts in order
  std::uint64_t n_records() const;
};

// Errors: kNotFound (file), kCorrupt naming file and line (not JSON, no such field, not UTF-8,
// contradicting weights), kCorrupt when a file holds no record. Blank lines are skipped; empty
// texts are an error.
Result<Corpus> load_corpus(std::span<const Path> files, const TextSpec& spec);

}  // namespace coe
