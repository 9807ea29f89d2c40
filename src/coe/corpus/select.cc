#include "coe/corpus/select.h"

#include "coe/base/hash.h"
#include "coe/corpus/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace coe {

std::string corpus_digest(const Corpus& corpus) {
  Hasher hasher;
  for (const auto& domain : corpus.domains) {
    hasher.add_sized(domain.name);
    hasher.add(std::bit_cast<std::uint64_t>(domain.weight));
    hasher.add(std::uint64_t{domain.records.size()});
    for (const auto& record : domain.records) hasher.add_sized(record.text);
  }
  return hasher.digest();
}

Status select_domains(Corpus& corpus, std::span<const std::string> names) {
  std::vector<SubDomain> selected;
  for (const auto& name : names) {
    const auto found = std::find_if(corpus.domains.begin(), corpus.domains.end(),
                                    [&](const SubDomain& d) { return d.name == name; });
    if (found == corpus.domains.end()) {
      std::string known;
      for (const auto& d : corpus.domains) known += (known.empty() ? "" : ", ") + d.name;
      return fail(Code::kInvalidArgument, fmt::format("the text has no sub-domain `{}`", name),
                  fmt::format("it has: {}", known));
    }
    selected.push_back(*found);
  }
  std::sort(selected.begin(), selected.end(),
            [](const SubDomain& a, const SubDomain& b) { return a.name < b.name; });
  const auto twice =
      std::adjacent_find(selected.begin(), selected.end(),
                         [](const SubDomain& a, const SubDomain& b) { return a.name == b.name; });
  if (twice != selected.end())
    return fail(Code::kInvalidArgument, fmt::format("sub-domain `{}` is named twice", twice->name));
  corpus.domains = std::move(selected);
  corpus.digest = corpus_digest(corpus);
  return {};
}

namespace {

// For each record, which text of the sub-domain it is of; numbered by first appearance.
std::vector<std::size_t> texts_of(const SubDomain& domain, std::size_t& n_text) {
  std::vector<std::size_t> texts;
  std::unordered_map<std::string, std::size_t> known;
  n_text = 0;
  for (const auto& record : domain.records) {
    if (record.piece_of.empty()) {
      texts.push_back(n_text++);
      continue;
    }
    const auto [found, is_new] = known.emplace(record.piece_of, n_text);
    if (is_new) ++n_text;
    texts.push_back(found->second);
  }
  return texts;
}

}  // namespace

void add_text(Corpus& corpus, const Corpus& more) {
  for (const auto& domain : more.domains) {
    const auto found = std::ranges::lower_bound(corpus.domains, domain.name, {}, &SubDomain::name);
    if (found == corpus.domains.end() || found->name != domain.name)
      corpus.domains.insert(found, domain);
    else
      found->records.insert(found->records.end(), domain.records.begin(), domain.records.end());
  }
  corpus.digest = corpus_digest(corpus);
}

void keep_first(Corpus& corpus, std::size_t n_record) {
  for (auto& domain : corpus.domains)
    if (n_record > 0 && domain.records.size() > n_record) domain.records.resize(n_record);
  corpus.digest = corpus_digest(corpus);
}

SubDomain joined(Corpus corpus, std::string name) {
  SubDomain out{std::move(name), 1.0, {}};
  for (auto& domain : corpus.domains)
    std::ranges::move(domain.records, std::back_inserter(out.records));
  return out;
}

Result<Split> split_off(const Corpus& corpus, std::size_t modulus, std::size_t remainder) {
  Split split;
  for (const auto& domain : corpus.domains) {
    std::size_t n_text = 0;
    auto texts = texts_of(domain, n_text);
    const bool single = n_text < 2;
    if (single && domain.records.size() < modulus)
      return fail(Code::kCorrupt,
                  fmt::format("{}: has a single text, so nothing can be held out", domain.name),
                  "give held-out text with --eval, or more text");
    if (single) {
      split.single.push_back(domain.name);
      // Its last pieces stand in for a text of their own.
      const std::size_t n_out = domain.records.size() / modulus;
      for (std::size_t i = domain.records.size() - n_out; i < texts.size(); ++i) texts[i] = 1;
      n_text = 2;
    } else if (n_text < modulus) {
      split.few.emplace_back(domain.name, n_text);
    }
    SubDomain rest{domain.name, domain.weight, {}};
    SubDomain held_out{domain.name, domain.weight, {}};
    std::set<std::size_t> out_texts;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const bool out = n_text < modulus ? texts[i] + 1 == n_text : texts[i] % modulus == remainder;
      if (out) out_texts.insert(texts[i]);
      (out ? held_out : rest).records.push_back(domain.records[i]);
    }
    if (!single) split.n_text += out_texts.size();
    split.rest.domains.push_back(std::move(rest));
    split.held_out.domains.push_back(std::move(held_out));
  }
  split.rest.digest = corpus_digest(split.rest);
  split.held_out.digest = corpus_digest(split.held_out);
  return split;
}

Status check_disjoint(const Corpus& profiling, const Corpus& evaluation) {
  std::unordered_map<std::uint64_t, const Record*> seen;
  for (const auto& domain : profiling.domains) {
    for (const auto& record : domain.records) seen.emplace(squeezed_hash(record.text), &record);
  }
  for (const auto& domain : evaluation.domains) {
    for (const auto& record : domain.records) {
      if (const auto found = seen.find(squeezed_hash(record.text)); found != seen.end())
        return fail(Code::kMismatch,
                    fmt::format("{}: the same text is in the profiling corpus ({})", record.where,
                                found->second->where),
                    "evaluate on text that profiling has not seen; `coe corpus check --against` "
                    "looks for parts of it too");
    }
  }
  return {};
}

}  // namespace coe
