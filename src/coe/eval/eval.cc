#include "coe/eval/eval.h"

#include "coe/eval/logits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

namespace coe {

double DomainEval::perplexity() const {
  return n_token == 0 ? 0.0 : std::exp(nll / static_cast<double>(n_token));
}
double DomainEval::reference_perplexity() const {
  return n_token == 0 ? 0.0 : std::exp(reference_nll / static_cast<double>(n_token));
}
double DomainEval::kl_mean() const {
  return n_token == 0 ? 0.0 : kl / static_cast<double>(n_token);
}
double DomainEval::top1_agreement() const {
  return n_token == 0 ? 0.0 : static_cast<double>(n_top1_same) / static_cast<double>(n_token);
}

void DomainEval::add(const DomainEval& other) {
  n_record += other.n_record;
  n_token += other.n_token;
  nll += other.nll;
  reference_nll += other.reference_nll;
  kl += other.kl;
  kl_max = std::max(kl_max, other.kl_max);
  n_top1_same += other.n_top1_same;
  logit_diff_max = std::max(logit_diff_max, other.logit_diff_max);
  top1_gap_max = std::max(top1_gap_max, other.top1_gap_max);
  records.insert(records.end(), other.records.begin(), other.records.end());
}

DomainEval EvalReport::total() const {
  DomainEval all;
  all.name = "all";
  for (const auto& d : domains) all.add(d);
  return all;
}

namespace {

std::size_t first_choice(std::span<const float> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// Keeps the logits of every position that predicts a token, and their normaliser.
class Keeper : public LogitsObserver {
 public:
  Keeper(std::size_t n_position, std::size_t n_vocab)
      : n_vocab_(n_vocab), logits_(n_position * n_vocab), norms_(n_position) {}
  void on_logits(std::uint32_t position, std::span<const float> logits) override {
    if (position >= norms_.size()) return;  // the last predicts nothing
    std::copy(logits.begin(), logits.end(),
              logits_.begin() + static_cast<std::ptrdiff_t>(position * n_vocab_));
    norms_[position] = log_sum_exp(logits);
  }
  std::span<const float> at(std::size_t position) const {
    return std::span(logits_).subspan(position * n_vocab_, n_vocab_);
  }
  double norm(std::size_t position) const { return norms_[position]; }

 private:
  std::size_t n_vocab_;
  std::vector<float> logits_;
  std::vector<double> norms_;
};

// Scores the subject's logits as they come, against the kept reference where there is one.
class Scorer : public LogitsObserver {
 public:
  Scorer(std::span<const std::int32_t> tokens, const Keeper* reference, DomainEval& sums)
      : tokens_(tokens), reference_(reference), sums_(sums) {}

  void on_logits(std::uint32_t position, std::span<const float> logits) override {
    if (position + std::size_t{1} >= tokens_.size()) return;
    const auto next = static_cast<std::size_t>(tokens_[position + 1]);
    const double norm = log_sum_exp(logits);
    sums_.n_token += 1;
    sums_.nll += norm - logits[next];
    if (reference_ == nullptr) return;
    const auto expected = reference_->at(position);
    const double expected_norm = reference_->norm(position);
    sums_.reference_nll += expected_norm - expected[next];
    const auto difference = compare_logits(expected, expected_norm, logits, norm);
    sums_.kl += difference.kl;
    sums_.kl_max = std::max(sums_.kl_max, difference.kl);
    sums_.logit_diff_max = std::max(sums_.logit_diff_max, difference.logit_diff_max);
    const std::size_t expected_first = first_choice(expected);
    const std::size_t first = first_choice(logits);
    if (first == expected_first)
      sums_.n_top1_same += 1;
    else
      sums_.top1_gap_max = std::max(
          sums_.top1_gap_max, static_cast<double>(expected[expected_first]) - expected[first]);
  }

 private:
  std::span<const std::int32_t> tokens_;
  const Keeper* reference_;
  DomainEval& sums_;
};

struct Item {
  std::size_t domain = 0;
  std::vector<std::int32_t> tokens;
};

Status decode(const EvalSubject& subject, std::span<const std::int32_t> tokens,
              LogitsObserver& logits, Observer& observer) {
  DecodeRequest request;
  request.tokens = tokens;
  request.logits = &logits;
  request.filter = subject.filter;
  request.observer = &observer;
  return subject.engine->decode(request);
}

// All subjects and the reference must see the same tokens. Returns the longest sequence that all
// can take.
Result<std::size_t> common_context(std::span<const EvalSubject* const> all) {
  const EngineInfo& first = all.front()->engine->info();
  std::size_t n_ctx = first.n_ctx;
  for (const auto* one : all) {
    const EngineInfo& info = one->engine->info();
    if (info.n_vocab != first.n_vocab)
      return fail(Code::kMismatch,
                  fmt::format("the models have vocabularies of {} and {} tokens", first.n_vocab,
                              info.n_vocab),
                  "compare a specialist with the parent it was cut from");
    n_ctx = std::min<std::size_t>(n_ctx, info.n_ctx);
  }
  return n_ctx;
}

Result<std::vector<std::int32_t>> common_tokens(std::span<const EvalSubject* const> all,
                                                const Record& record) {
  std::vector<std::int32_t> tokens;
  const Engine* last = nullptr;
  for (const auto* one : all) {
    if (one->engine == last) continue;
    auto found = one->engine->tokenize(record.text);
    if (!found) return tl::unexpected(std::move(found).error().context(record.where));
    if (last != nullptr && *found != tokens)
      return fail(Code::kMismatch,
                  fmt::format("{}: the models tokenise it differently", record.where),
                  "compare a specialist with the parent it was cut from");
    tokens = *std::move(found);
    last = one->engine;
  }
  return tokens;
}

}  // namespace

Result<std::vector<EvalReport>> evaluate(std::span<const EvalSubject> subjects,
                                         const EvalSubject* reference, const Corpus& corpus,
                                         const EvalOptions& options, Observer& observer) {
  COE_CHECK(!subjects.empty());
  std::vector<const EvalSubject*> all;
  if (reference != nullptr) all.push_back(reference);
  for (const auto& subject : subjects) all.push_back(&subject);
  COE_TRY(std::size_t max_tokens, common_context(all));
  if (options.max_tokens > 0) max_tokens = std::min<std::size_t>(max_tokens, options.max_tokens);

  std::vector<Item> items;
  std::uint64_t n_total = 0;
  for (std::size_t d = 0; d < corpus.domains.size(); ++d) {
    for (const auto& record : corpus.domains[d].records) {
      if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
      COE_TRY(auto tokens, common_tokens(all, record));
      if (tokens.size() > max_tokens) tokens.resize(max_tokens);
      if (tokens.size() < 2) continue;  // nothing to predict
      n_total += tokens.size() * all.size();
      items.push_back({d, std::move(tokens)});
    }
  }

  std::vector<EvalReport> reports(subjects.size());
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    reports[i].engine = subjects[i].engine->info().engine;
    reports[i].has_reference = reference != nullptr;
    reports[i].domains.resize(corpus.domains.size());
    for (std::size_t d = 0; d < corpus.domains.size(); ++d)
      reports[i].domains[d].name = corpus.domains[d].name;
  }
  std::uint64_t n_done = 0;
  const auto step = [&](std::size_t n) {
    n_done += n;
    observer.progress("eval", n_done, n_total, "tokens");
  };
  const std::size_t n_vocab = subjects.front().engine->info().n_vocab;
  for (const auto& item : items) {
    std::optional<Keeper> keeper;
    if (reference != nullptr) {
      keeper.emplace(item.tokens.size() - 1, n_vocab);
      COE_TRY_STATUS(decode(*reference, item.tokens, *keeper, observer));
      step(item.tokens.size());
    }
    for (std::size_t i = 0; i < subjects.size(); ++i) {
      DomainEval one;
      Scorer scorer(item.tokens, keeper ? &*keeper : nullptr, one);
      COE_TRY_STATUS(decode(subjects[i], item.tokens, scorer, observer));
      one.n_record = 1;
      one.records.push_back({one.n_token, one.nll, one.kl, one.n_top1_same});
      reports[i].domains[item.domain].add(one);
      step(item.tokens.size());
    }
  }
  for (const auto& domain : reports.front().domains) {
    if (domain.n_token == 0)
      return fail(Code::kCorrupt,
                  fmt::format("{}: no record has two tokens to predict", domain.name),
                  "give longer texts");
  }
  return reports;
}

}  // namespace coe
