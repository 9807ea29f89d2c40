#include "coe/profile/stretches.h"

#include "coe/base/result.h"
#include "coe/corpus/window.h"
#include "coe/profile/plan.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace coe {
namespace {

// Takes stretches until there are enough tokens; the last one is cut.
class Taker {
 public:
  explicit Taker(std::uint64_t n_token) : n_left_(n_token) {}
  bool is_full() const { return n_left_ == 0; }
  void take(std::vector<std::int32_t> stretch) {
    if (stretch.size() > n_left_) stretch.resize(n_left_);
    n_left_ -= stretch.size();
    if (!stretch.empty()) taken_.push_back(std::move(stretch));
  }
  Stretches release() { return std::move(taken_); }

 private:
  std::uint64_t n_left_;
  Stretches taken_;
};

}  // namespace

Result<Stretches> plan_stretches(Engine& engine, const Corpus& corpus,
                                 const StretchOptions& options, Observer& observer) {
  if (options.record_tokens < 2 || options.n_token == 0)
    return fail(Code::kInvalidArgument, "no tokens are asked for, or stretches of fewer than 2");
  const std::size_t length = std::min(options.record_tokens, engine.info().n_ctx);
  Taker taker(options.n_token);
  std::vector<Stretches> records;  // what is left of those that have been seen
  for (const auto& item : visiting_order(corpus)) {
    if (taker.is_full()) break;
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    const auto& record = corpus.domains[item.domain].records[item.record];
    auto tokens = engine.tokenize(record.text);
    if (!tokens) return tl::unexpected<Error>(std::move(tokens).error().context(record.where));
    auto windows = split_windows(*tokens, length, engine.info().bos_token);
    if (windows.empty()) continue;
    taker.take(std::move(windows.front()));
    records.push_back(std::move(windows));
  }
  for (std::size_t round = 1; !taker.is_full(); ++round) {
    bool any = false;
    for (auto& windows : records)
      if (round < windows.size() && !taker.is_full()) {
        any = true;
        taker.take(std::move(windows[round]));
      }
    if (!any) break;
  }
  auto stretches = taker.release();
  if (stretches.empty())
    return fail(Code::kCorrupt, "the corpus has no token", "give text with at least one token");
  return stretches;
}

}  // namespace coe
