#include "coe/measure/eval/reference.h"

#include "coe/measure/eval/logits.h"

#include <algorithm>
#include <utility>

namespace coe {

RowIndex::RowIndex(const ScoredSequence& sequence) : rows_(sequence.tokens.size(), kNone) {
  for (std::size_t i = 1; i < sequence.tokens.size(); ++i)
    if (sequence.scored[i]) rows_[i - 1] = n_row_++;
}

std::optional<std::size_t> RowIndex::find(std::size_t position) const {
  if (position >= rows_.size() || rows_[position] == kNone) return std::nullopt;
  return rows_[position];
}

Status decode_subject(const EvalSubject& subject, std::span<const std::int32_t> tokens,
                      LogitsObserver& logits, Observer& observer) {
  DecodeRequest request;
  request.tokens = tokens;
  request.logits = &logits;
  request.filter = subject.filter;
  request.observer = &observer;
  return subject.engine->decode(request);
}

class RunningReference::Logits : public LogitsObserver, public Reference {
 public:
  Logits(const ScoredSequence& sequence, std::size_t n_vocab)
      : sequence_(sequence),
        index_(sequence),
        n_vocab_(n_vocab),
        logits_(index_.n_row() * n_vocab),
        norms_(index_.n_row()),
        firsts_(index_.n_row()) {}

  void on_logits(std::uint32_t position, std::span<const float> logits) override {
    const auto row = index_.find(position);
    if (!row) return;
    std::copy(logits.begin(), logits.end(),
              logits_.begin() + static_cast<std::ptrdiff_t>(*row * n_vocab_));
    norms_[*row] = log_sum_exp(logits);
    firsts_[*row] = first_choice(logits);
  }
  double nll(std::size_t position) const override {
    const auto next = static_cast<std::size_t>(sequence_.tokens[position + 1]);
    return norms_[index_.at(position)] - row(position)[next];
  }
  std::size_t first(std::size_t position) const override { return firsts_[index_.at(position)]; }
  Divergence compare(std::size_t position, std::span<const float> logits, double norm,
                     std::size_t first) const override {
    const auto own = row(position);
    const auto difference = compare_logits(own, norms_[index_.at(position)], logits, norm);
    return {difference.kl, 0.0, difference.logit_diff_max,
            static_cast<double>(own[this->first(position)]) - own[first]};
  }

 private:
  std::span<const float> row(std::size_t position) const {
    return std::span(logits_).subspan(index_.at(position) * n_vocab_, n_vocab_);
  }
  const ScoredSequence& sequence_;
  RowIndex index_;
  std::size_t n_vocab_;
  std::vector<float> logits_;
  std::vector<double> norms_;
  std::vector<std::size_t> firsts_;
};

RunningReference::RunningReference(const EvalSubject& subject) : subject_(subject) {}
RunningReference::~RunningReference() = default;

Status RunningReference::begin(std::span<const ScoredSequence> /*sequences*/, std::size_t n_vocab) {
  n_vocab_ = n_vocab;
  return {};
}

Result<const Reference*> RunningReference::next(const ScoredSequence& sequence,
                                                Observer& observer) {
  logits_.reset();  // not both at a time
  logits_ = std::make_unique<Logits>(sequence, n_vocab_);
  COE_TRY_STATUS(decode_subject(subject_, sequence.tokens, *logits_, observer));
  return logits_.get();
}

}  // namespace coe
