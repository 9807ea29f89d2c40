// Measures a model on held-out text: perplexity, and against its parent KL divergence and top-1
// agreement, for each sub-domain. Source: docs/method.md, section 7. Text is scored as it stands:
// chat text must come rendered.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/stats/bootstrap.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coe {

// One way of running a model: an engine, perhaps under virtual surgery.
struct EvalSubject {
  Engine* engine = nullptr;
  const ExpertFilter* filter = nullptr;
  std::string name = "the model";  // in messages
};

struct EvalOptions {
  // Records are cut to this many tokens. 0: without windows to the engine's context, with windows
  // not at all. The reference's logits of what one pass scores are held in memory: n_token *
  // n_vocab * 4 bytes.
  std::uint32_t max_tokens = 512;
  // Longer records run in windows of this many tokens, at most the engine's context (0: they do
  // not); each token counts once (sliding_windows in corpus/window.h).
  std::uint32_t window = 0;
  std::uint32_t stride = 0;  // new tokens of each further window; 0: half of it
};

// Sums over the predicted tokens of one record; token i+1 is predicted at position i, the first
// token never.
struct RecordEval {
  std::uint64_t n_token = 0;  // predicted
  double nll = 0.0;           // sum of -log p(token), nats
  // Against the reference; 0 without one:
  double reference_nll = 0.0;
  double kl = 0.0;                // sum over tokens of KL(reference || subject), nats
  std::uint64_t n_top1_same = 0;  // both put the same token first
  std::uint64_t n_hit = 0;        // tokens that the subject puts first, and that come
  std::uint64_t n_reference_hit = 0;

  RecordEval& operator+=(const RecordEval& other);
  bool operator==(const RecordEval&) const = default;
};

// The same sums over one sub-domain, and what only the whole has.
struct DomainEval : RecordEval {
  std::string name;
  std::uint64_t n_record = 0;
  // With a condensed reference (measure/eval/parent_cache.h) kl is the lower bound of the sum, and
  // the true one at most this much higher. 0: exact.
  double kl_slack = 0.0;
  double kl_max = 0.0;          // largest of a single token
  double logit_diff_max = 0.0;  // largest |logit difference|
  // Over tokens where the first choices differ: the reference's own logit gap between the two.
  // Small: near-ties.
  double top1_gap_max = 0.0;
  // In the order of the corpus, those with nothing to predict left out: the same for all subjects.
  std::vector<RecordEval> records;

  // Adds sums and records; the name stays.
  void add(const DomainEval& other);
  // One more record.
  void add(const RecordEval& record);
  double perplexity() const;
  double reference_perplexity() const;
  double kl_mean() const;
  double top1_agreement() const;
};

// Intervals by the bootstrap over records. The mean KL over tokens.
Interval kl_interval(const DomainEval& eval);
// Gives the ratio of the KL of `eval` to that of `base`, paired: both must be of the same records.
Interval kl_ratio(const DomainEval& eval, const DomainEval& base);
// exp of the mean of nll, and of its excess over the reference's: percentiles pass through exp.
Interval perplexity_interval(const DomainEval& eval);
Interval perplexity_ratio(const DomainEval& eval);  // subject / reference, paired
Interval top1_interval(const DomainEval& eval);     // of top1_agreement()
// Share of tokens that the subject, or the reference, predicts.
Interval accuracy_interval(const DomainEval& eval);
Interval reference_accuracy_interval(const DomainEval& eval);
// Y: the subject's accuracy / the reference's, paired. Source: docs/method.md, section 6.
Interval accuracy_ratio(const DomainEval& eval);

struct EvalReport {
  std::string engine;
  bool has_reference = false;
  std::vector<DomainEval> domains;  // order of the corpus
  DomainEval total() const;         // named "all"
};

// One report for each subject, in order. All see the same tokens; the reference, which may be null,
// runs once a record and may share an engine with subjects of other filters. Errors: kMismatch when
// vocabularies differ in size or tokenise a text differently; kInvalidArgument for a window or
// stride that cannot be; kCorrupt when a sub-domain has nothing to predict; kCheckFailed where a
// model's logits are no numbers, naming it and the record; kEngine; kCancelled.
Result<std::vector<EvalReport>> evaluate(std::span<const EvalSubject> subjects,
                                         const EvalSubject* reference, const Corpus& corpus,
                                         const EvalOptions& options, Observer& observer);

}  // namespace coe
