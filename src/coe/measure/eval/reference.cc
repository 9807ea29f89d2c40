#include "coe/measure/eval/reference.h"

#include "coe/base/jobs.h"
#include "coe/base/not_finite.h"
#include "coe/measure/eval/logits.h"

#include <fmt/format.h>

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

namespace {

// A thread takes about as long to start as some ten thousand logits to score.
constexpr std::size_t kLogitsOfThread = 100'000;

}  // namespace

void RowObserver::on_logits(const LogitsView& view) {
  begin_rows(view.n_token);
  std::vector<char> bad(view.n_token, 0);  // of its own byte each: threads write them at once
  const auto n_busy = static_cast<unsigned>(
      std::clamp<std::size_t>(view.logits.size() / kLogitsOfThread, 1, n_thread_));
  for_each_at_once(view.n_token, n_busy, [&](std::size_t at) {
    const auto i = static_cast<std::uint32_t>(at);
    const auto logits = view.of(i);
    if (are_logits(logits))
      on_row(view.first_token + at, i, logits);
    else
      bad[at] = 1;
  });
  const auto found = std::ranges::find(bad, 1);
  if (n_bad_ == 0 && found != bad.end())
    first_bad_ = view.first_token + static_cast<std::size_t>(found - bad.begin());
  n_bad_ += static_cast<std::size_t>(std::ranges::count(bad, 1));
  n_row_ += view.n_token;
  end_rows(view.first_token);
}

Status RowObserver::check() const {
  if (n_bad_ == 0) return {};
  return no_number(
      fmt::format("gives logits that are no numbers, or all the same, for {} of {} "
                  "tokens, the first after token {}",
                  n_bad_, n_row_, first_bad_ + 1));
}

Status decode_subject(const EvalSubject& subject, std::span<const std::int32_t> tokens,
                      RowObserver& rows, Observer& observer) {
  DecodeRequest request;
  request.tokens = tokens;
  request.logits = &rows;
  request.filter = subject.filter;
  request.observer = &observer;
  COE_TRY_STATUS(subject.engine->decode(request));
  auto status = rows.check();
  if (status) return {};
  auto error = std::move(status).error();
  error.message = fmt::format("{} {}", subject.name, error.message);
  return tl::unexpected(std::move(error));
}

class RunningReference::Logits : public RowObserver, public Reference {
 public:
  // `buffer` keeps its memory from sequence to sequence: a system takes as long to hand out pages
  // as threads take to fill them.
  Logits(const ScoredSequence& sequence, std::size_t n_vocab, std::uint32_t n_thread,
         std::vector<float>& buffer)
      : RowObserver(n_thread),
        sequence_(sequence),
        index_(sequence),
        n_vocab_(n_vocab),
        logits_(buffer),
        norms_(index_.n_row()),
        firsts_(index_.n_row()) {
    if (buffer.size() < index_.n_row() * n_vocab) buffer.resize(index_.n_row() * n_vocab);
  }

  void on_row(std::size_t position, std::uint32_t /*i*/, std::span<const float> logits) override {
    const auto row = index_.find(position);
    if (!row) return;
    std::ranges::copy(logits, logits_.begin() + static_cast<std::ptrdiff_t>(*row * n_vocab_));
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
  std::vector<float>& logits_;  // [n_row][n_vocab], perhaps longer
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
  logits_ = std::make_unique<Logits>(sequence, n_vocab_, subject_.engine->info().n_thread, buffer_);
  COE_TRY_STATUS(decode_subject(subject_, sequence.tokens, *logits_, observer));
  return logits_.get();
}

}  // namespace coe
