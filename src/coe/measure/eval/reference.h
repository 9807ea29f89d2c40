// Subjects are held to a reference, token by token: the parent's logits, exact and in memory, or
// condensed and in a file (measure/eval/parent_cache.h).
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/measure/eval/eval.h"
#include "coe/measure/eval/sequences.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace coe {

struct Divergence {
  double kl = 0.0;                       // nats; with a slack, the lower bound
  double kl_slack = 0.0;                 // the true KL is at most kl + kl_slack
  std::optional<double> logit_diff_max;  // where all logits are known
  // The reference's gap between its first choice and the subject's; where both logits are known.
  std::optional<double> top1_gap;
};

// A reference is that of one sequence; positions are those before a token that counts.
class Reference {
 public:
  virtual ~Reference() = default;
  virtual double nll(std::size_t position) const = 0;  // of the token that comes
  virtual std::size_t first(std::size_t position) const = 0;
  // `logits` are the subject's, `norm` their log_sum_exp, `first` its first choice. Several threads
  // may ask at once.
  virtual Divergence compare(std::size_t position, std::span<const float> logits, double norm,
                             std::size_t first) const = 0;
};

// Gives the reference of each sequence in turn.
class ReferenceSource {
 public:
  virtual ~ReferenceSource() = default;
  // Who runs; null when nobody does.
  virtual const EvalSubject* subject() const = 0;
  // Before the first sequence: all that will be asked for, in order.
  virtual Status begin(std::span<const ScoredSequence> sequences, std::size_t n_vocab) = 0;
  // Valid until the next call.
  virtual Result<const Reference*> next(const ScoredSequence& sequence, Observer& observer) = 0;
  // After the last.
  virtual Status finish() = 0;
};

// Maps positions whose next token counts to rows, 0, 1, …
class RowIndex {
 public:
  RowIndex() = default;
  explicit RowIndex(const ScoredSequence& sequence);
  std::size_t n_row() const { return n_row_; }
  std::optional<std::size_t> find(std::size_t position) const;
  std::size_t at(std::size_t position) const { return rows_[position]; }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::vector<std::size_t> rows_;  // [n_token]
  std::size_t n_row_ = 0;
};

// Looks at the logits of one sequence row by row, several at once on the engine's threads where
// there is enough to do: large vocabularies take longer to score than a GPU takes to compute them.
// A row that cannot be a model's (are_logits()) is counted and not shown.
class RowObserver : public LogitsObserver {
 public:
  explicit RowObserver(std::uint32_t n_thread) : n_thread_(n_thread) {}
  void on_logits(const LogitsView& view) final;
  // kCheckFailed when there was such a row: how many, and the first.
  Status check() const;

 protected:
  virtual void begin_rows(std::uint32_t /*n_row*/) {}
  // `i` counts the rows since begin_rows(). Calls must not depend on each other.
  virtual void on_row(std::size_t position, std::uint32_t i, std::span<const float> logits) = 0;
  // All rows of a batch were seen; `first` is the position of the first.
  virtual void end_rows(std::size_t /*first*/) {}

 private:
  std::uint32_t n_thread_;
  std::size_t n_row_ = 0;
  std::size_t n_bad_ = 0;
  std::size_t first_bad_ = 0;
};

// Runs a sequence and shows its logits. Errors: those of Engine::decode and of RowObserver::check,
// which says whose logits they are.
Status decode_subject(const EvalSubject& subject, std::span<const std::int32_t> tokens,
                      RowObserver& rows, Observer& observer);

// Runs a model and keeps all its logits of one sequence: n_row * n_vocab * 4 bytes.
class RunningReference : public ReferenceSource {
 public:
  explicit RunningReference(const EvalSubject& subject);
  ~RunningReference() override;
  const EvalSubject* subject() const override { return &subject_; }
  Status begin(std::span<const ScoredSequence> sequences, std::size_t n_vocab) override;
  Result<const Reference*> next(const ScoredSequence& sequence, Observer& observer) override;
  Status finish() override { return {}; }

 private:
  class Logits;
  EvalSubject subject_;
  std::size_t n_vocab_ = 0;
  std::vector<float> buffer_;  // of the sequence at hand; it grows to the longest
  std::unique_ptr<Logits> logits_;
};

// evaluate() against any source; null: none.
Result<std::vector<EvalReport>> evaluate_against(std::span<const EvalSubject> subjects,
                                                 ReferenceSource* source, const Corpus& corpus,
                                                 const EvalOptions& options, Observer& observer);

}  // namespace coe
