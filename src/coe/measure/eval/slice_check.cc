#include "coe/measure/eval/slice_check.h"

#include "coe/base/not_finite.h"
#include "coe/measure/eval/logits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace coe {

namespace {

constexpr std::size_t kMostTokens = 512;
constexpr std::size_t kMostTokensOfRecord = 128;
constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();

template <class T>
void append(std::vector<T>& to, std::type_identity_t<std::span<const T>> values) {
  to.insert(to.end(), values.begin(), values.end());
}

double length(std::span<const float> a, std::span<const float> minus = {}) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - (minus.empty() ? 0.0 : minus[i]);
    sum += d * d;
  }
  return std::sqrt(sum);
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Values that are no numbers are as far off as can be.
double ratio(double a, double b) {
  if (a == 0.0) return 0.0;
  return std::isfinite(a) && b > 0.0 ? a / b : kInfinity;
}

void raise(double& worst, double value) {
  if (!(value <= worst)) worst = std::isnan(value) ? kInfinity : value;
}

// Keeps all that the masked parent says of its layers and its logits.
class Recorder : public RoutingObserver, public LogitsObserver {
 public:
  Recorder(std::map<LayerId, SliceReference::Layer>& layers, MoeOutputs& outputs,
           std::vector<float>& logits)
      : layers_(layers), outputs_(outputs), logits_(logits) {}

  void on_routing(const LayerRouting& routing) override {
    auto& layer = layers_[routing.layer];
    layer.n_used = routing.n_used;
    append(layer.ids, routing.ids);
    append(layer.weights, routing.weights);
    append(layer.scores, routing.scores);
    append(outputs_[routing.layer], routing.moe_outputs);
    for (std::size_t t = 0; t < routing.n_token; ++t) {
      double sum = 0.0;
      for (std::size_t k = t * routing.n_used; k < (t + 1) * routing.n_used; ++k)
        sum += static_cast<double>(routing.weights[k]) * routing.output_norms[k];
      layer.lengths.push_back(static_cast<float>(sum));
    }
  }
  void on_logits(const LogitsView& view) override {
    for (std::uint32_t i = 0; i < view.n_token; ++i)
      gives_logits_ = gives_logits_ && are_logits(view.of(i));
    append(logits_, view.logits);
  }
  bool gives_logits() const { return gives_logits_; }

 private:
  std::map<LayerId, SliceReference::Layer>& layers_;
  MoeOutputs& outputs_;
  std::vector<float>& logits_;
  bool gives_logits_ = true;
};

// Sums over tokens of one kept expert's router score.
struct ScoreSums {
  double square = 0.0;
  double difference_square = 0.0;
};

struct LayerSums {
  LayerDifference difference;
  std::vector<ScoreSums> scores;  // [n_keep]
  std::vector<bool> ran;          // [n_keep]
  double sum = 0.0;               // of all scores of kept experts
  double square = 0.0;            // of their squares
  std::uint64_t n_score = 0;

  double worst_score() const {
    if (n_score == 0) return 0.0;
    const double n = static_cast<double>(n_score);
    const double spread = std::sqrt(std::max(0.0, square / n - (sum / n) * (sum / n)));
    const double n_row = n / static_cast<double>(scores.size());
    double worst = 0.0;
    for (const auto& expert : scores)
      raise(worst, ratio(std::sqrt(expert.difference_square / n_row),
                         std::min(spread, std::sqrt(expert.square / n_row))));
    return worst;
  }
};

}  // namespace

// Holds the child's layers to the recorded ones as they come.
class SliceReference::Comparison : public RoutingObserver, public LogitsObserver {
 public:
  Comparison(const SliceReference& reference, bool sliced) : reference_(reference) {
    for (const auto& [layer, kept] : reference.kept_) {
      auto& sums = layers_[layer];
      sums.difference.layer = layer;
      sums.scores.resize(kept.size());
      sums.ran.resize(kept.size());
      auto& places = places_[layer];
      places.assign(sliced ? kept.size() : reference.n_expert_, kNowhere);
      for (std::uint32_t i = 0; i < kept.size(); ++i) places[sliced ? i : kept[i].value] = i;
    }
  }

  void begin(const Record& record) {
    record_ = &record;
    n_reported_ = 0;
  }
  // Every layer spoke for every token of the record.
  bool is_complete() const {
    return n_reported_ == record_->tokens.size() * record_->layers.size();
  }
  const std::string& error() const { return error_; }

  void on_routing(const LayerRouting& routing) override;
  void on_logits(const LogitsView& view) override;
  SliceCheck finish(const SliceLimits& limits) const;

 private:
  void compare_token(const LayerRouting& routing, const Layer& own, std::size_t t, LayerSums& sums);
  void compare_row(std::span<const float> own, std::span<const float> logits);
  // The parent's scores of the kept experts of a token, and the child's, in the order of kept.
  void compare_scores(const LayerRouting& routing, const Layer& own, std::size_t t,
                      LayerSums& sums);
  // Whether one was preferred to the other no more than their scores moved.
  bool is_near_tie(const std::vector<std::uint32_t>& left,
                   const std::vector<std::uint32_t>& come) const;

  const SliceReference& reference_;
  std::map<LayerId, std::vector<std::uint32_t>> places_;  // child's id → place among kept
  std::map<LayerId, LayerSums> layers_;
  const Record* record_ = nullptr;
  std::size_t n_reported_ = 0;
  std::vector<float> own_;    // [n_keep] of the token at hand
  std::vector<float> other_;  // the child's
  double kl_ = 0.0;
  double logit_diff_max_ = 0.0;
  std::uint64_t n_token_ = 0;
  std::string error_;
};

void SliceReference::Comparison::on_routing(const LayerRouting& routing) {
  const auto own = record_->layers.find(routing.layer);
  const auto sums = layers_.find(routing.layer);
  if (own == record_->layers.end() || sums == layers_.end() ||
      routing.n_used != own->second.n_used) {
    error_ = fmt::format("layer {} routes otherwise than the parent's", routing.layer.value);
    return;
  }
  n_reported_ += routing.n_token;
  for (std::size_t t = 0; t < routing.n_token; ++t)
    compare_token(routing, own->second, t, sums->second);
}

void SliceReference::Comparison::compare_scores(const LayerRouting& routing, const Layer& own,
                                                std::size_t t, LayerSums& sums) {
  const auto& kept = reference_.kept_.at(routing.layer);
  const auto& places = places_.at(routing.layer);
  const std::size_t n_parent = reference_.n_expert_;
  const std::size_t n_child = routing.scores.size() / routing.n_token;
  const std::size_t row = routing.first_token + t;
  own_.assign(kept.size(), 0.0F);
  other_.assign(kept.size(), 0.0F);
  if (routing.scores.empty() || own.scores.empty() || n_child != places.size()) return;
  for (std::size_t i = 0; i < n_child; ++i)
    if (places[i] != kNowhere) other_[places[i]] = routing.scores[t * n_child + i];
  for (std::size_t i = 0; i < kept.size(); ++i) {
    own_[i] = own.scores[row * n_parent + kept[i].value];
    const double a = own_[i];
    const double d = static_cast<double>(other_[i]) - a;
    sums.scores[i].square += a * a;
    sums.scores[i].difference_square += d * d;
    sums.sum += a;
    sums.square += a * a;
    sums.n_score += 1;
  }
}

bool SliceReference::Comparison::is_near_tie(const std::vector<std::uint32_t>& left,
                                             const std::vector<std::uint32_t>& come) const {
  // Twice: an element-wise function between score and choice may round once more.
  const auto moved = [&](std::uint32_t i) {
    return 2.0 * std::abs(static_cast<double>(own_[i]) - other_[i]);
  };
  for (const auto x : left)
    for (const auto y : come)
      if (static_cast<double>(own_[x]) - own_[y] > moved(x) + moved(y)) return false;
  return true;
}

void SliceReference::Comparison::compare_token(const LayerRouting& routing, const Layer& own,
                                               std::size_t t, LayerSums& sums) {
  auto& difference = sums.difference;
  const auto& kept = reference_.kept_.at(routing.layer);
  const auto& places = places_.at(routing.layer);
  const std::size_t n_used = routing.n_used;
  const std::size_t row = routing.first_token + t;
  difference.n_token += 1;
  compare_scores(routing, own, t, sums);

  std::map<std::uint32_t, float> expected;  // weights by place among the kept
  double largest = 0.0;
  for (std::size_t k = 0; k < n_used; ++k) {
    const ExpertId id{static_cast<std::uint32_t>(own.ids[row * n_used + k])};
    const std::size_t at = kept.position(id);
    const float weight = own.weights[row * n_used + k];
    expected[static_cast<std::uint32_t>(at)] = weight;
    sums.ran[at] = true;
    largest = std::max(largest, std::abs(static_cast<double>(weight)));
  }
  std::vector<std::uint32_t> come;
  double weight = 0.0;
  auto left = expected;
  for (std::size_t k = 0; k < n_used; ++k) {
    const auto id = static_cast<std::size_t>(routing.ids[t * n_used + k]);
    const auto place = id < places.size() ? places[id] : kNowhere;
    const auto found = expected.find(place);
    if (found == expected.end()) {
      come.push_back(place);
      continue;
    }
    left.erase(place);
    raise(weight, std::abs(static_cast<double>(routing.weights[t * n_used + k]) - found->second));
  }
  if (!come.empty()) {
    std::vector<std::uint32_t> gone;
    gone.reserve(left.size());
    for (const auto& [place, w] : left) gone.push_back(place);
    const bool known = std::ranges::find(come, kNowhere) == come.end() && !routing.scores.empty();
    (known && is_near_tie(gone, come) ? difference.n_near_tie : difference.n_other_choice) += 1;
    return;
  }
  raise(difference.weight, ratio(weight, largest));
  const auto& all = record_->outputs.at(routing.layer);
  const std::size_t n_embd = routing.moe_outputs.size() / routing.n_token;
  const auto theirs = std::span(routing.moe_outputs).subspan(t * n_embd, n_embd);
  const auto ours = std::span(all).subspan(row * n_embd, n_embd);
  raise(difference.output,
        ratio(length(ours, theirs), std::max<double>(length(ours), own.lengths[row])));
}

void SliceReference::Comparison::on_logits(const LogitsView& view) {
  const std::size_t n_vocab = reference_.n_vocab_;
  for (std::uint32_t i = 0; i < view.n_token; ++i)
    compare_row(std::span(record_->logits).subspan((view.first_token + i) * n_vocab, n_vocab),
                view.of(i));
}

void SliceReference::Comparison::compare_row(std::span<const float> own,
                                             std::span<const float> logits) {
  n_token_ += 1;
  // compare_logits() wants numbers; record() has seen that the parent's are.
  if (count_not_finite(logits) > 0) {
    kl_ = logit_diff_max_ = kInfinity;
    return;
  }
  const auto difference = compare_logits(own, log_sum_exp(own), logits, log_sum_exp(logits));
  kl_ += difference.kl;
  raise(logit_diff_max_, difference.logit_diff_max);
}

namespace {

std::string finding_of(const LayerDifference& d, const SliceLimits& limits) {
  const auto n = static_cast<double>(d.n_token);
  const auto beyond = [](double value, double limit) { return !(value <= limit); };
  const auto place = fmt::format("layer {}", d.layer.value);
  if (beyond(d.score, limits.score))
    return fmt::format("{}: a router score differs by {:.3g} of itself (limit {})", place, d.score,
                       limits.score);
  if (beyond(static_cast<double>(d.n_other_choice) / n, limits.other_choice))
    return fmt::format("{}: {} of {} tokens choose other experts (limit {} %)", place,
                       d.n_other_choice, d.n_token, 100 * limits.other_choice);
  if (beyond(static_cast<double>(d.n_near_tie) / n, limits.near_ties))
    return fmt::format("{}: {} of {} tokens choose other experts in near-ties (limit {} %)", place,
                       d.n_near_tie, d.n_token, 100 * limits.near_ties);
  if (beyond(d.weight, limits.weight))
    return fmt::format("{}: a router weight differs by {:.3g} of the largest (limit {})", place,
                       d.weight, limits.weight);
  if (beyond(d.output, limits.output))
    return fmt::format("{}: its experts' output differs by {:.3g} of its length (limit {})", place,
                       d.output, limits.output);
  return {};
}

}  // namespace

SliceCheck SliceReference::Comparison::finish(const SliceLimits& limits) const {
  SliceCheck out;
  out.n_record = reference_.records_.size();
  out.n_token = n_token_;
  for (const auto& [layer, sums] : layers_) {
    auto difference = sums.difference;
    difference.score = sums.worst_score();
    out.n_expert_kept += sums.ran.size();
    out.n_expert_ran +=
        static_cast<std::uint64_t>(std::count(sums.ran.begin(), sums.ran.end(), true));
    if (out.finding.empty()) out.finding = finding_of(difference, limits);
    out.layers.push_back(difference);
  }
  out.kl_mean = kl_ / static_cast<double>(n_token_);
  out.logit_diff_max = logit_diff_max_;
  if (out.finding.empty() && !(out.kl_mean <= limits.kl))
    out.finding = fmt::format("the logits differ (KL {:.3g}, limit {}) though all layers agree",
                              out.kl_mean, limits.kl);
  return out;
}

LayerDifference SliceCheck::worst() const {
  LayerDifference all;
  for (const auto& layer : layers) {
    all.n_token += layer.n_token;
    all.n_near_tie += layer.n_near_tie;
    all.n_other_choice += layer.n_other_choice;
    raise(all.score, layer.score);
    raise(all.weight, layer.weight);
    if (layer.output > all.output) all.layer = layer.layer;
    raise(all.output, layer.output);
  }
  return all;
}

Result<SliceReference> SliceReference::record(Engine& parent, const ExpertFilter& filter,
                                              const Corpus& corpus, Observer& observer) {
  SliceReference out;
  out.n_vocab_ = parent.info().n_vocab;
  out.n_expert_ = parent.info().n_expert;
  out.kept_ = filter.kept;
  std::size_t n_token = 0;
  std::size_t n_most = 0;
  for (const auto& domain : corpus.domains) n_most = std::max(n_most, domain.records.size());
  for (std::size_t i = 0; i < n_most && n_token < kMostTokens; ++i) {
    for (const auto& domain : corpus.domains) {
      if (i >= domain.records.size() || n_token >= kMostTokens) continue;
      Record record;
      COE_TRY(record.tokens, parent.tokenize(domain.records[i].text));
      record.tokens.resize(std::min({record.tokens.size(), kMostTokensOfRecord,
                                     kMostTokens - n_token, std::size_t{parent.info().n_ctx}}));
      if (record.tokens.empty()) continue;
      n_token += record.tokens.size();
      Recorder recorder(record.layers, record.outputs, record.logits);
      DecodeRequest request;
      request.tokens = record.tokens;
      request.routing = &recorder;
      request.outputs = true;
      request.layer_values = true;
      request.logits = &recorder;
      request.filter = &filter;
      request.observer = &observer;
      COE_TRY_STATUS(parent.decode(request));
      if (!recorder.gives_logits())
        return no_number(
            fmt::format("{}: the masked parent gives logits that are no numbers, or "
                        "all the same",
                        domain.records[i].where));
      out.records_.push_back(std::move(record));
      observer.progress("slice check", n_token, kMostTokens, "tokens");
    }
  }
  if (out.records_.empty())
    return fail(Code::kInvalidArgument, "no text to check the sliced file with");
  return out;
}

Result<SliceCheck> SliceReference::check(Engine& child, const SliceLimits& limits,
                                         Observer& observer) const {
  const auto& info = child.info();
  const std::size_t n_keep = kept_.begin()->second.size();
  const bool sliced = info.n_expert == n_keep;
  if (info.n_vocab != n_vocab_ || (!sliced && info.n_expert != n_expert_) ||
      info.moe_layers.size() != records_.front().layers.size())
    return fail(Code::kMismatch,
                fmt::format("{} experts in {} layers and {} tokens of vocabulary, where the mask "
                            "leaves {} of {}, {} and {}",
                            info.n_expert, info.moe_layers.size(), info.n_vocab, n_keep, n_expert_,
                            records_.front().layers.size(), n_vocab_));
  Comparison comparison(*this, sliced);
  std::size_t n_token = 0;
  std::size_t n_total = 0;
  for (const auto& record : records_) n_total += record.tokens.size();
  for (const auto& record : records_) {
    comparison.begin(record);
    DecodeRequest request;
    request.tokens = record.tokens;
    request.routing = &comparison;
    request.layer_values = true;
    request.pinned = &record.outputs;
    request.logits = &comparison;
    request.observer = &observer;
    COE_TRY_STATUS(child.decode(request));
    if (comparison.error().empty() && comparison.is_complete()) {
      n_token += record.tokens.size();
      observer.progress("slice check", n_token, n_total, "tokens");
      continue;
    }
    return fail(Code::kMismatch, comparison.error().empty() ? "a layer did not report its routing"
                                                            : comparison.error());
  }
  return comparison.finish(limits);
}

}  // namespace coe
