#include "coe/measure/eval/eval.h"

#include "coe/measure/eval/logits.h"
#include "coe/measure/eval/reference.h"
#include "coe/measure/eval/sequences.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>

namespace coe {

namespace {

// Scores the subject's logits as they come, against the reference where there is one.
class Scorer : public RowObserver {
 public:
  Scorer(const ScoredSequence& sequence, const Reference* reference, std::uint32_t n_thread,
         DomainEval& domain, RecordEval& sums)
      : RowObserver(n_thread),
        sequence_(sequence),
        reference_(reference),
        domain_(domain),
        sums_(sums) {}

  // Rows are scored at once and summed in their order: the bits do not depend on the threads.
  void begin_rows(std::uint32_t n_row) override { rows_.assign(n_row, {}); }
  void on_row(std::size_t position, std::uint32_t i, std::span<const float> logits) override {
    if (counts(position)) rows_[i] = score(position, logits);
  }
  void end_rows(std::size_t first) override {
    for (std::size_t i = 0; i < rows_.size(); ++i)
      if (counts(first + i)) add(first + i, rows_[i]);
  }

 private:
  // Of the prediction at one position.
  struct Row {
    double nll = 0.0;
    std::size_t first = 0;
    Divergence divergence;
  };

  bool counts(std::size_t position) const {
    return position + 1 < sequence_.tokens.size() && sequence_.scored[position + 1];
  }
  std::size_t next_of(std::size_t position) const {
    return static_cast<std::size_t>(sequence_.tokens[position + 1]);
  }

  Row score(std::size_t position, std::span<const float> logits) const {
    Row row;
    const double norm = log_sum_exp(logits);
    row.nll = norm - logits[next_of(position)];
    row.first = first_choice(logits);
    if (reference_ != nullptr)
      row.divergence = reference_->compare(position, logits, norm, row.first);
    return row;
  }

  void add(std::size_t position, const Row& row) {
    sums_.n_token += 1;
    sums_.nll += row.nll;
    if (row.first == next_of(position)) sums_.n_hit += 1;
    if (reference_ != nullptr) add_divergence(position, row.first, row.divergence);
  }

  void add_divergence(std::size_t position, std::size_t first, const Divergence& difference) {
    const std::size_t expected = reference_->first(position);
    sums_.reference_nll += reference_->nll(position);
    if (expected == next_of(position)) sums_.n_reference_hit += 1;
    sums_.kl += difference.kl;
    domain_.kl_slack += difference.kl_slack;
    domain_.kl_max = std::max(domain_.kl_max, difference.kl);
    domain_.logit_diff_max =
        std::max(domain_.logit_diff_max, difference.logit_diff_max.value_or(0.0));
    if (first == expected)
      sums_.n_top1_same += 1;
    else
      domain_.top1_gap_max = std::max(domain_.top1_gap_max, difference.top1_gap.value_or(0.0));
  }

  const ScoredSequence& sequence_;
  const Reference* reference_;
  DomainEval& domain_;
  RecordEval& sums_;
  std::vector<Row> rows_;  // [n_token] of the batch at hand
};

std::vector<EvalReport> empty_reports(std::span<const EvalSubject> subjects, const Corpus& corpus,
                                      bool has_reference) {
  std::vector<EvalReport> reports(subjects.size());
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    reports[i].engine = subjects[i].engine->info().engine;
    reports[i].has_reference = has_reference;
    reports[i].domains.resize(corpus.domains.size());
    for (std::size_t d = 0; d < corpus.domains.size(); ++d)
      reports[i].domains[d].name = corpus.domains[d].name;
  }
  return reports;
}

// Says of which record an error is.
template <class T>
Result<T> at_record(Result<T> result, const std::string& where) {
  if (!result && result.error().code != Code::kCancelled)
    return tl::unexpected(std::move(result).error().context(where));
  return result;
}

}  // namespace

Result<std::vector<EvalReport>> evaluate(std::span<const EvalSubject> subjects,
                                         const EvalSubject* reference, const Corpus& corpus,
                                         const EvalOptions& options, Observer& observer) {
  if (reference == nullptr) return evaluate_against(subjects, nullptr, corpus, options, observer);
  RunningReference running(*reference);
  return evaluate_against(subjects, &running, corpus, options, observer);
}

Result<std::vector<EvalReport>> evaluate_against(std::span<const EvalSubject> subjects,
                                                 ReferenceSource* source, const Corpus& corpus,
                                                 const EvalOptions& options, Observer& observer) {
  COE_CHECK(!subjects.empty());
  std::vector<const EvalSubject*> all;
  if (source != nullptr && source->subject() != nullptr) all.push_back(source->subject());
  for (const auto& subject : subjects) all.push_back(&subject);
  COE_TRY(const auto sequences, plan_sequences(all, corpus, options, observer));
  std::uint64_t n_total = 0;
  for (const auto& sequence : sequences) n_total += sequence.tokens.size() * all.size();
  if (source != nullptr)
    COE_TRY_STATUS(source->begin(sequences, subjects.front().engine->info().n_vocab));

  auto reports = empty_reports(subjects, corpus, source != nullptr);
  std::uint64_t n_done = 0;
  const auto step = [&](std::size_t n) {
    n_done += n;
    observer.progress("eval", n_done, n_total, "tokens");
  };
  std::vector<RecordEval> record(subjects.size());  // of the record at hand, over its windows
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const auto& sequence = sequences[s];
    const Reference* reference = nullptr;
    const auto& where = corpus.domains[sequence.domain].records[sequence.record].where;
    if (source != nullptr) {
      COE_TRY(reference, at_record(source->next(sequence, observer), where));
      if (source->subject() != nullptr) step(sequence.tokens.size());
    }
    const bool is_last = s + 1 == sequences.size() || !sequence.same_record(sequences[s + 1]);
    for (std::size_t i = 0; i < subjects.size(); ++i) {
      auto& domain = reports[i].domains[sequence.domain];
      Scorer scorer(sequence, reference, subjects[i].engine->info().n_thread, domain, record[i]);
      COE_TRY_STATUS(
          at_record(decode_subject(subjects[i], sequence.tokens, scorer, observer), where));
      if (is_last) domain.add(std::exchange(record[i], {}));
      step(sequence.tokens.size());
    }
  }
  for (const auto& domain : reports.front().domains) {
    if (domain.n_token == 0)
      return fail(Code::kCorrupt,
                  fmt::format("{}: no record has two tokens to predict", domain.name),
                  "give longer texts");
  }
  if (source != nullptr) COE_TRY_STATUS(source->finish());
  return reports;
}

}  // namespace coe
