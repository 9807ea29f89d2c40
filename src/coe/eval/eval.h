// Measures a model on held-out text: perplexity, and against its parent KL divergence and top-1
// agreement, for each sub-domain. Source: method section 7. Text is scored as it stands: chat text
// must come rendered.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
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
};

struct EvalOptions {
  // Records are cut to this many tokens (0: the engine's context). The reference's logits of one
  // record are held in memory: max_tokens * n_vocab * 4 bytes.
  std::uint32_t max_tokens = 512;
};

// The part of DomainEval's sums that one record has.
struct RecordEval {
  std::uint64_t n_token = 0;
  double nll = 0.0;
  double kl = 0.0;
  std::uint64_t n_top1_same = 0;
};

// Sums over the predicted tokens of one sub-domain; token i+1 is predicted at position i, the first
// token never.
struct DomainEval {
  std::string name;
  std::uint64_t n_record = 0;
  std::uint64_t n_token = 0;  // predicted
  double nll = 0.0;           // sum of -log p(token), nats
  // Against the reference; 0 without one:
  double reference_nll = 0.0;
  double kl = 0.0;                // sum over tokens of KL(reference || subject), nats
  double kl_max = 0.0;            // largest of a single token
  std::uint64_t n_top1_same = 0;  // both put the same token first
  double logit_diff_max = 0.0;    // largest |logit difference|
  // Over tokens where the first choices differ: the reference's own logit gap between the two.
  // Small: near-ties.
  double top1_gap_max = 0.0;
  // In the order of the corpus, those with nothing to predict left out: the same for all subjects.
  std::vector<RecordEval> records;

  // Adds sums and records; the name stays.
  void add(const DomainEval& other);
  double perplexity() const;
  double reference_perplexity() const;
  double kl_mean() const;
  double top1_agreement() const;
};

struct EvalReport {
  std::string engine;
  bool has_reference = false;
  std::vector<DomainEval> domains;  // order of the corpus
  DomainEval total() const;         // named "all"
};

// One report for each subject, in order. All see the same tokens; the reference, which may be null,
// runs once a record and may share an engine with subjects of other filters. Errors: kMismatch when
// vocabularies differ in size or tokenise a text differently; kCorrupt when a sub-domain has
// nothing to predict; kEngine; kCancelled.
Result<std::vector<EvalReport>> evaluate(std::span<const EvalSubject> subjects,
                                         const EvalSubject* reference, const Corpus& corpus,
                                         const EvalOptions& options, Observer& observer);

}  // namespace coe
