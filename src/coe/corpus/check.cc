#include "coe/corpus/check.h"

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/utf8.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/near_duplicates.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coe {

Result<std::vector<DomainFacts>> describe_corpus(const Corpus& corpus,
                                                 const NearDuplicateOptions& near,
                                                 const ModelHooks& model, Observer& observer) {
  std::vector<DomainFacts> out;
  std::unordered_set<std::string_view> seen;
  NearDuplicates likes(near);
  std::vector<const Record*> records;  // by the ids that `likes` has
  const auto text_of = [&](NearDuplicates::Id id) -> Result<std::string> {
    return records[id]->text;
  };
  std::uint64_t n_done = 0;
  for (const auto& domain : corpus.domains) {
    DomainFacts facts{domain.name, domain.weight, domain.records.size()};
    for (const auto& record : domain.records) {
      if (observer.cancelled()) return fail(Code::kCancelled, "corpus check: interrupted");
      observer.progress("statistics", ++n_done, corpus.n_record(), "records");
      facts.n_char += count_chars(record.text);
      if (model.count_tokens) {
        COE_TRY(const std::uint64_t n_token, model.count_tokens(record.text));
        facts.n_token += n_token;
      }
      if (!seen.insert(record.text).second) {
        ++facts.n_duplicate;
      } else if (near.threshold > 0.0) {
        const auto sketch = likes.sketch(record.text);
        COE_TRY(const auto like, likes.find(sketch, text_of));
        if (like) {
          ++facts.n_near_duplicate;
          continue;
        }
        likes.add(sketch, static_cast<NearDuplicates::Id>(records.size()));
        records.push_back(&record);
      }
    }
    out.push_back(std::move(facts));
  }
  return out;
}

}  // namespace coe
