// Requests that were never made: pieces of a corpus as long as what people type, from which
// choosers learn and on which they are measured.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/corpus.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// Folds of cross-validation.
inline constexpr std::size_t kFolds = 4;

struct DomainText {
  std::string name;
  std::vector<std::string> records;  // as users would write them: request_text()
  std::vector<std::size_t> folds;    // of each record, below kFolds; pieces of one text have one
  std::vector<std::string> where;    // of each record, for messages
};

// Records of which nothing is left are dropped. Folds are drawn with `seed`, as even as texts
// allow. A domain of fewer texts than folds has its records cut into pieces, so that a fold of it
// can be left out. Weights of sub-domains do not count. Sorted by name, as the corpus is.
std::vector<DomainText> domain_texts(const Corpus& corpus, std::uint64_t seed = 1);

// Errors: kInvalidArgument for fewer than two domains, or one without text.
Status check_domains(std::span<const DomainText> domains);

// Bytes from `begin` up to `end` of a record.
struct TextWindow {
  std::size_t domain = 0;
  std::size_t record = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t length = 0;  // index into kRequestLengths
};

std::string_view text_of(const TextWindow& window, std::span<const DomainText> domains);

// A request of this many tokens is what choosers are measured on: a line, a question, a page.
inline constexpr std::array<std::size_t, 3> kRequestLengths = {20, 50, 200};
// Without a tokenizer a token counts as so many bytes.
inline constexpr std::size_t kBytesPerToken = 3;

// Says how many bytes of `text`, whole characters, the first `n_token` tokens are.
using TokenRuler = std::function<std::size_t(std::string_view text, std::size_t n_token)>;
// The ruler without a tokenizer.
std::size_t bytes_of_tokens(std::string_view text, std::size_t n_token);

// The first tokens of each record, for each length. A record that is shorter is one request, of the
// first length that holds all of it.
std::vector<TextWindow> request_starts(std::span<const DomainText> domains,
                                       const TokenRuler& ruler);

// `n` of each domain and length: the starts of its records in an order drawn with `seed`, and then
// pieces from anywhere in them, from the beginning of a word on.
std::vector<TextWindow> request_pieces(std::span<const DomainText> domains, std::size_t n,
                                       std::uint64_t seed, const TokenRuler& ruler);

// The beginning of the word after `at`, or `at` where none is near.
std::size_t next_word(std::string_view text, std::size_t at);

}  // namespace coe
