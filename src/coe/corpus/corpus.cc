#include "coe/corpus/corpus.h"

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus_builder.h"
#include "coe/corpus/foreign_file.h"
#include "coe/corpus/text_spec.h"

#include <cstdint>
#include <string_view>

namespace coe {
std::uint64_t Corpus::n_record() const {
  std::uint64_t n = 0;
  for (const auto& domain : domains) n += domain.records.size();
  return n;
}

const TextSpec& default_text_spec() {
  static const TextSpec spec = TextSpec::parse("text").value();
  return spec;
}

Result<Corpus> parse_corpus(std::string_view jsonl, const Path& name, const TextSpec& spec) {
  COE_TRY_STATUS(refuse_foreign(jsonl, name));
  CorpusBuilder builder;
  COE_TRY_STATUS(
      builder.add_records(jsonl, name.string(), name.stem().string(), spec).map([](std::uint64_t) {
      }));
  return builder.finish();
}

}  // namespace coe
