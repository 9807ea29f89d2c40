#include "coe/college/serve/college_text.h"

#include "coe/corpus/select.h"

#include <algorithm>
#include <map>
#include <utility>

namespace coe {

Result<Corpus> college_text(const CollegeSpec& spec, TakeOptions options, Observer& observer) {
  // Several may be specialists of sub-domains of the same files.
  std::map<std::vector<Path>, Corpus> loaded;
  Corpus out;
  for (const auto& member : spec.members) {
    if (member.text.empty()) continue;
    if (!loaded.contains(member.text)) {
      options.label = member.name;
      COE_TRY(auto taken, take_text(member.text, options, observer));
      loaded[member.text] = std::move(taken.corpus);
    }
    Corpus text = loaded[member.text];
    if (!member.domain.empty()) {
      auto chosen = select_domains(text, {&member.domain, 1});
      if (!chosen) return tl::unexpected(std::move(chosen).error().context(member.where));
    }
    out.domains.push_back(joined(std::move(text), member.name));
  }
  std::ranges::sort(out.domains, {}, &SubDomain::name);
  out.digest = corpus_digest(out);
  return out;
}

}  // namespace coe
