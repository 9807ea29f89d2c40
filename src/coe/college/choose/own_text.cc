#include "coe/college/choose/own_text.h"

#include "coe/base/observer.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/college/choose/request_text.h"
#include "coe/college/choose/text_samples.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/leaks.h"
#include "coe/corpus/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Which domains a text stands in, and where it was first seen.
struct Seen {
  std::set<std::size_t> domains;
  std::string_view where;
};

using SeenTexts = std::unordered_map<std::uint64_t, Seen>;

std::uint64_t text_id(const Record& record) { return squeezed_hash(request_text(record.text)); }

SeenTexts see_all(const Corpus& corpus) {
  SeenTexts out;
  for (std::size_t d = 0; d < corpus.domains.size(); ++d)
    for (const auto& record : corpus.domains[d].records) {
      auto& seen = out[text_id(record)];
      if (seen.domains.empty()) seen.where = record.where;
      seen.domains.insert(d);
    }
  return out;
}

// Refuses two domains that are one.
Status check_shared(const Corpus& corpus, const SeenTexts& seen) {
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> n_shared;
  for (const auto& [id, text] : seen)  // counts: their order is no matter
    for (const auto a : text.domains)
      for (const auto b : text.domains)
        if (a < b) ++n_shared[{a, b}];
  for (const auto& [pair, n] : n_shared) {
    const auto& a = corpus.domains[pair.first];
    const auto& b = corpus.domains[pair.second];
    const auto smaller = std::min(a.records.size(), b.records.size());
    if (static_cast<double>(n) > kMostShared * static_cast<double>(smaller))
      return fail(
          Code::kInvalidArgument,
          fmt::format("domains `{}` and `{}` have the same text: {} records of {} and {}",
                      printable(a.name), printable(b.name), n, a.records.size(), b.records.size()),
          "give each domain text of its own");
  }
  return {};
}

}  // namespace

Result<Corpus> own_text(const Corpus& corpus, Observer& observer) {
  const auto seen = see_all(corpus);
  COE_TRY_STATUS(check_shared(corpus, seen));
  Corpus out = corpus;
  std::uint64_t n = 0;
  std::string first;
  for (auto& domain : out.domains)
    std::erase_if(domain.records, [&](const Record& record) {
      const auto& text = seen.at(text_id(record));
      if (text.domains.size() < 2) return false;
      if (n++ == 0) first = record.where;
      return true;
    });
  if (n > 0)
    observer.warning(fmt::format(
        "{} records stand in the text of two domains and teach neither: left out ({}{})", n,
        printable(first), n > 1 ? ", …" : ""));
  return out;
}

Result<Corpus> unseen_text(const Corpus& corpus, const Corpus& heldout, std::uint64_t& n_leak,
                           Observer& observer) {
  std::vector<std::string> names;
  names.reserve(corpus.domains.size());
  for (const auto& domain : corpus.domains) names.push_back(domain.name);
  for (const auto& domain : heldout.domains)
    if (!std::ranges::binary_search(names, domain.name)) {
      const auto near = closest_match(domain.name, names);
      return fail(Code::kInvalidArgument,
                  fmt::format("held-out text of `{}`, which is none of the domains",
                              printable(domain.name)),
                  near.empty() ? std::string("name the domains alike in both")
                               : fmt::format("did you mean `{}`?", near));
    }
  Corpus out = heldout;
  n_leak = 0;
  if (heldout.domains.empty()) return out;
  COE_TRY(const auto report, find_leaks(corpus, heldout, LeakOptions(), observer));
  std::set<std::string> leaked;
  for (const auto& leak : report.leaks) leaked.insert(leak.evaluation);
  for (auto& domain : out.domains)
    std::erase_if(domain.records,
                  [&](const Record& record) { return leaked.contains(record.where); });
  n_leak = report.leaks.size();
  if (n_leak > 0)
    observer.warning(fmt::format(
        "{} of {} held-out records stand in the training text and measure nothing: left out ({} in "
        "{}{})",
        n_leak, report.n_record, printable(report.leaks.front().evaluation),
        printable(report.leaks.front().profiling), n_leak > 1 ? ", …" : ""));
  return out;
}

std::vector<DomainText> heldout_texts(const Corpus& heldout, std::span<const DomainText> domains) {
  std::vector<DomainText> out;
  bool any = false;
  for (const auto& domain : domains) {
    auto& texts = out.emplace_back();
    texts.name = domain.name;
    const auto found = std::ranges::find(heldout.domains, domain.name, &SubDomain::name);
    if (found == heldout.domains.end()) continue;
    for (const auto& record : found->records) {
      auto text = request_text(record.text);
      if (text.empty()) continue;
      texts.records.push_back(std::move(text));
      texts.where.push_back(record.where);
      texts.folds.push_back(0);
      any = true;
    }
  }
  if (!any) out.clear();
  return out;
}

}  // namespace coe
