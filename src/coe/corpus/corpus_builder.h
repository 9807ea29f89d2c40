// Collects records by sub-domain while texts are read.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/text_spec.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

class CorpusBuilder {
 public:
  // Adds the records of JSON Lines or of an array, by their fields, and returns how many they are.
  // `place` stands for the file in messages, `domain` for that of records that name none. Errors:
  // those of parse_corpus; records before the wrong one are added by then.
  Result<std::uint64_t> add_records(std::string_view bytes, const std::string& place,
                                    const std::string& domain, const TextSpec& spec);

  // Adds a record. Its sub-domain and weight are fields of `members` where these have them. Errors:
  // kCorrupt for a field that cannot be either; the message does not name the place.
  Status add(const std::vector<JsonMember>& members, const std::string& domain, Record record);

  // Adds all that another has. Errors: kCorrupt where their weights contradict, naming both places.
  Status add(CorpusBuilder other);

  Corpus finish();

 private:
  struct Domain {
    std::optional<double> weight;
    std::string weight_where;
    std::vector<Record> records;
  };
  static Status set_weight(Domain& domain, const std::string& name, double weight,
                           const std::string& where);
  Status add_line(std::string_view line, const std::string& domain, const std::string& where,
                  const TextSpec& spec);

  std::map<std::string, Domain> domains_;
};

}  // namespace coe
