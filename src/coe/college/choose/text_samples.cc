#include "coe/college/choose/text_samples.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/base/utf8.h"
#include "coe/college/choose/request_text.h"
#include "coe/corpus/corpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// Deals the texts of a domain to the folds.
std::vector<std::size_t> deal_folds(const std::vector<std::string>& texts, std::uint64_t seed) {
  std::map<std::string_view, std::size_t> fold_of;
  std::vector<std::string_view> distinct;
  for (const auto& text : texts)
    if (fold_of.emplace(text, 0).second) distinct.emplace_back(text);
  Rng(seed).shuffle(std::span(distinct));
  for (std::size_t i = 0; i < distinct.size(); ++i) fold_of[distinct[i]] = i % kFolds;
  std::vector<std::size_t> folds;
  folds.reserve(texts.size());
  for (const auto& text : texts) folds.push_back(fold_of[text]);
  return folds;
}

TextWindow window_of(std::size_t domain, std::size_t record, std::size_t begin, std::size_t length,
                     std::string_view text, const TokenRuler& ruler) {
  const auto n = ruler(text.substr(begin), kRequestLengths[length]);
  return {domain, record, begin, begin + n, length};
}

// Adds records of `text`: itself, or pieces of it that end between words.
void add_pieces(std::string_view text, std::size_t most_bytes, const std::string& where,
                DomainText& out) {
  while (!text.empty()) {
    const auto n = text.size() <= most_bytes ? text.size() : next_word(text, most_bytes);
    out.records.emplace_back(text.substr(0, n));
    out.where.push_back(where);
    text.remove_prefix(n);
  }
}

// The domain with all its records cut small enough that each fold can have some.
DomainText in_pieces(const DomainText& domain) {
  std::size_t n_byte = 0;
  for (const auto& record : domain.records) n_byte += record.size();
  constexpr std::size_t kLeastPiece = 200;
  constexpr std::size_t kPiecesPerFold = 4;
  const auto most = std::max(n_byte / (kPiecesPerFold * kFolds), kLeastPiece);
  DomainText out{domain.name, {}, {}, {}};
  for (std::size_t r = 0; r < domain.records.size(); ++r)
    add_pieces(domain.records[r], most, domain.where[r], out);
  return out;
}

}  // namespace

Status check_domains(std::span<const DomainText> domains) {
  if (domains.size() < 2)
    return fail(Code::kInvalidArgument,
                fmt::format("{} domain to choose from", domains.empty() ? "no" : "only one"),
                "give the text of at least two");
  for (const auto& domain : domains)
    if (domain.records.empty())
      return fail(Code::kInvalidArgument,
                  fmt::format("domain `{}` has no text", printable(domain.name)),
                  "give it records with text");
  return {};
}

std::vector<DomainText> domain_texts(const Corpus& corpus, std::uint64_t seed) {
  std::vector<DomainText> out;
  for (const auto& domain : corpus.domains) {
    DomainText texts{domain.name, {}, {}, {}};
    std::vector<std::string> wholes;  // the text that each record is, or is a piece of
    for (const auto& record : domain.records) {
      auto text = request_text(record.text);
      if (text.empty()) continue;
      texts.records.push_back(std::move(text));
      texts.where.push_back(record.where);
      wholes.push_back(record.piece_of.empty() ? "\n" + record.where : record.piece_of);
    }
    if (std::set<std::string_view>(wholes.begin(), wholes.end()).size() < kFolds) {
      texts = in_pieces(texts);
      wholes.clear();
      for (std::size_t i = 0; i < texts.records.size(); ++i) wholes.push_back(std::to_string(i));
    }
    texts.folds = deal_folds(wholes, derived_seed(seed, out.size()));
    out.push_back(std::move(texts));
  }
  return out;
}

std::string_view text_of(const TextWindow& window, std::span<const DomainText> domains) {
  return std::string_view(domains[window.domain].records[window.record])
      .substr(window.begin, window.end - window.begin);
}

std::size_t bytes_of_tokens(std::string_view text, std::size_t n_token) {
  std::size_t end = std::min(text.size(), n_token * kBytesPerToken);
  while (end < text.size() && !is_char_start(text[end])) ++end;
  return end;
}

std::size_t next_word(std::string_view text, std::size_t at) {
  constexpr std::size_t kNear = 40;
  for (std::size_t i = at; i + 1 < text.size() && i < at + kNear; ++i)
    if (is_blank(text[i]) && !is_blank(text[i + 1])) return i + 1;
  while (at < text.size() && !is_char_start(text[at])) ++at;
  return at;
}

std::vector<TextWindow> request_starts(std::span<const DomainText> domains,
                                       const TokenRuler& ruler) {
  std::vector<TextWindow> out;
  for (std::size_t d = 0; d < domains.size(); ++d)
    for (std::size_t r = 0; r < domains[d].records.size(); ++r)
      for (std::size_t l = 0; l < kRequestLengths.size(); ++l) {
        const std::string_view text = domains[d].records[r];
        out.push_back(window_of(d, r, 0, l, text, ruler));
        if (out.back().end == text.size()) break;
      }
  return out;
}

std::vector<TextWindow> request_pieces(std::span<const DomainText> domains, std::size_t n,
                                       std::uint64_t seed, const TokenRuler& ruler) {
  std::vector<TextWindow> out;
  for (std::size_t d = 0; d < domains.size(); ++d) {
    const auto& records = domains[d].records;
    if (records.empty()) continue;
    Rng rng(derived_seed(seed, d));
    std::vector<std::size_t> order(records.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    rng.shuffle(std::span(order));
    for (std::size_t l = 0; l < kRequestLengths.size(); ++l)
      for (std::size_t i = 0; i < n; ++i) {
        const auto record = order[i % order.size()];
        const std::string_view text = records[record];
        const auto begin = i < order.size() ? 0 : next_word(text, rng.below(text.size()));
        if (begin < text.size()) out.push_back(window_of(d, record, begin, l, text, ruler));
      }
  }
  return out;
}

}  // namespace coe
