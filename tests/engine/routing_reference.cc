#include "engine/routing_reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace coe::testing {
namespace {

// One rounding to single precision is off by at most this, relatively.
constexpr double kRound = 0x1p-24;
// ggml's vectorised exp is within 1.45 units in the last place (ggml-cpu/vec.h), libm's within 1.
constexpr double kExp = 4 * kRound;
// Sums of up to 2^16 terms in double, on both sides.
constexpr double kSum = 0x1p-36;
// llama.cpp clamps the sum of weights to this from below before it divides.
constexpr double kMinWeightSum = 6.103515625e-5;

double relative(const Approx& x) { return x.value == 0.0 ? 0.0 : x.error / std::abs(x.value); }

void add_to(Approx& sum, double term, double error) {
  sum.value += term;
  sum.error += error + kSum * std::abs(term);
}

// Numerators, their sum and the division; each relative error counts where it arises.
std::vector<Approx> softmax(std::span<const Approx> x) {
  const auto top = *std::ranges::max_element(x, {}, &Approx::value);
  std::vector<Approx> out;
  double sum = 0.0;
  double worst = 0.0;
  for (const auto& [value, error] : x) {
    const double away = std::abs(value - top.value);
    const double rel = error + top.error + kRound * away + kExp;
    const double e = std::exp(value - top.value);
    out.push_back({e, rel});
    sum += e;
    worst = std::max(worst, rel);
  }
  // Partial sums of eight or sixteen, then double; the reciprocal and the product round once each.
  const double common = worst + 4 * kRound + 2 * kRound;
  for (auto& p : out) p = {p.value / sum, p.value / sum * (p.error + common)};
  return out;
}

Approx sigmoid(const Approx& x) {
  const double p = 1.0 / (1.0 + std::exp(-x.value));
  return {p, p * (kExp + 2 * kRound + x.error)};
}

Approx sqrt_softplus(const Approx& x) {
  const double e = std::exp(x.value);
  const double y = std::sqrt(std::log1p(e));
  // logf(1 + expf(x)): what 1 + e loses is lost for good, and weighs more the smaller e is.
  const double loss = (kExp * e + kRound * (1.0 + e)) / (1.0 + e) + x.error;
  const double log = y * y;
  return {y, y * (0.5 * (loss / log + 2 * kRound) + kRound)};
}

std::vector<Approx> probabilities(RuleGating gating, std::span<const Approx> logits) {
  if (gating == RuleGating::kSoftmax) return softmax(logits);
  std::vector<Approx> out(logits.begin(), logits.end());
  if (gating == RuleGating::kSoftmaxOfChosen) return out;
  for (auto& p : out) p = gating == RuleGating::kSigmoid ? sigmoid(p) : sqrt_softplus(p);
  return out;
}

std::vector<Approx> plus(std::span<const Approx> x, std::span<const float> bias) {
  std::vector<Approx> out(x.begin(), x.end());
  if (bias.empty()) return out;
  for (std::size_t e = 0; e < out.size(); ++e) {
    out[e].value += static_cast<double>(bias[e]);
    out[e].error += kRound * std::abs(out[e].value);
  }
  return out;
}

std::vector<std::size_t> ranking(std::span<const Approx> scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, std::greater<>(), [&](auto i) { return scores[i].value; });
  return order;
}

bool is_near(const Approx& a, const Approx& b) {
  return std::abs(a.value - b.value) <= a.error + b.error;
}

// The groups with the largest sum of their two best scores; the scores of all others become -inf.
// Returns whether rounding may decide which groups those are.
bool limit_to_groups(const RouterRule& rule, std::vector<Approx>& scores) {
  const std::size_t size = scores.size() / rule.n_group;
  std::vector<Approx> sums;
  for (std::size_t g = 0; g < rule.n_group; ++g) {
    const auto group = std::span(scores).subspan(g * size, size);
    const auto order = ranking(group);
    const auto& [first, first_error] = group[order[0]];
    const auto& [second, second_error] = group[order[1]];
    sums.push_back(
        {first + second, first_error + second_error + kRound * std::abs(first + second)});
  }
  const auto order = ranking(sums);
  for (std::size_t i = rule.n_group_used; i < order.size(); ++i) {
    for (auto& score : std::span(scores).subspan(order[i] * size, size))
      score = {-std::numeric_limits<double>::infinity(), 0.0};
  }
  return is_near(sums[order[rule.n_group_used - 1]], sums[order[rule.n_group_used]]);
}

void choose(const RouterRule& rule, std::vector<Approx> scores,
            std::span<const std::int32_t> multiplied, TokenRouting& routing) {
  const bool near_groups = rule.n_group > 1 && limit_to_groups(rule, scores);
  const auto order = ranking(scores);
  for (std::size_t k = 0; k < rule.n_used; ++k) {
    const auto own = order[k];
    const auto engine = static_cast<std::size_t>(multiplied[k]);
    routing.ids.push_back(static_cast<std::uint32_t>(own));
    if (own == engine) continue;
    if (near_groups || is_near(scores[own], scores[engine])) {
      routing.ids.back() = static_cast<std::uint32_t>(engine);
      ++routing.n_near_tie;
    } else {
      ++routing.n_mismatch;
    }
  }
}

std::vector<Approx> final_weights(const RouterRule& rule, std::vector<Approx> weights) {
  if (rule.gating == RuleGating::kSoftmaxOfChosen) weights = softmax(weights);
  if (rule.is_normalised) {
    double sum = 0.0;
    double worst = 0.0;
    for (const auto& w : weights) {
      sum += w.value;
      worst = std::max(worst, relative(w));
    }
    sum = std::max(sum, kMinWeightSum);
    const double common = worst + static_cast<double>(weights.size() + 1) * kRound;
    for (auto& w : weights) w = {w.value / sum, w.value / sum * (relative(w) + common)};
  }
  if (rule.scale != 1.0) {
    for (auto& w : weights)
      w = {w.value * rule.scale, w.value * rule.scale * (relative(w) + 2 * kRound)};
  }
  return weights;
}

// The profiler rounds what it tempers to single precision again.
std::vector<Approx> tempered(const std::vector<Approx>& weights, double temperature) {
  if (temperature == 1.0) return weights;
  double sum = 0.0;
  double powers = 0.0;
  double worst = 0.0;
  for (const auto& w : weights) {
    sum += w.value;
    powers += std::pow(w.value, 1.0 / temperature);
    worst = std::max(worst, relative(w));
  }
  std::vector<Approx> out;
  for (const auto& w : weights) {
    const double value = sum * std::pow(w.value, 1.0 / temperature) / powers;
    out.push_back({value, value * ((relative(w) + worst) / temperature + worst + kRound)});
  }
  return out;
}

// The engine's norm is of its own values, and rounded once.
Approx norm(std::span<const Approx> values) {
  double squares = 0.0;
  double errors = 0.0;
  for (const auto& [value, error] : values) {
    squares += value * value;
    errors += error * error;
  }
  const double n = std::sqrt(squares);
  return {n, std::sqrt(errors) + kRound * n};
}

}  // namespace

RouterTensors read_router_tensors(const RawWeights& weights, std::uint32_t block) {
  const auto name = [&](std::string_view stem) { return fmt::format("blk.{}.{}", block, stem); };
  RouterTensors tensors;
  tensors.logit_bias = weights.floats(name("ffn_gate_inp.bias"));
  tensors.selection_bias = weights.floats(name("exp_probs_b.bias"));
  tensors.output_scale = weights.floats(name("ffn_down_exps.scale"));
  tensors.output_bias = weights.floats(name("ffn_down_exps.bias"));
  tensors.down = weights.floats(name("ffn_down_exps.weight"));
  tensors.down_is_f32 = weights.is_f32(name("ffn_down_exps.weight"));
  tensors.token_table = weights.ints(name("ffn_gate_tid2eid.weight"));
  return tensors;
}

TokenRouting route_token(const RouterRule& rule, const RouterTensors& tensors,
                         std::span<const float> logits, std::int32_t token,
                         std::span<const std::int32_t> multiplied) {
  std::vector<Approx> exact;
  exact.reserve(logits.size());
  for (const float x : logits) exact.push_back({static_cast<double>(x), 0.0});
  const auto biased = plus(exact, tensors.logit_bias);
  const auto probs = probabilities(rule.gating, biased);
  TokenRouting routing;
  if (!tensors.token_table.empty()) {
    for (std::size_t k = 0; k < rule.n_used; ++k) {
      const auto id = tensors.token_table[static_cast<std::size_t>(token) * rule.n_used + k];
      routing.ids.push_back(static_cast<std::uint32_t>(id));
      routing.n_mismatch += id != multiplied[k];
    }
  } else if (rule.selects_by_sigmoid) {
    choose(rule, probabilities(RuleGating::kSigmoid, biased), multiplied, routing);
  } else {
    choose(rule, plus(probs, tensors.selection_bias), multiplied, routing);
  }
  std::vector<Approx> chosen;
  for (const auto id : routing.ids) chosen.push_back(probs[id]);
  routing.weights = final_weights(rule, std::move(chosen));
  return routing;
}

// --- accumulators -------------------------------------------------------------------------------

struct RoutingReference::Sample {
  std::vector<std::int64_t> counts;  // [L,E,R]
  std::vector<Approx> weights;       // [L,E,R]
};

RoutingReference::RoutingReference(RouterRule rule, std::map<std::uint32_t, RouterTensors> layers,
                                   double temperature)
    : rule_(rule), layers_(std::move(layers)), temperature_(temperature) {}

ReferenceDomain& RoutingReference::domain(const std::string& name) {
  auto& domain = domains_[name];
  if (!domain.histograms.empty()) return domain;
  const std::size_t flat = layers_.size() * rule_.n_expert;
  const std::size_t ranked = flat * rule_.n_used;
  domain.histograms.resize(ranked);
  for (auto* sums : {&domain.weight_sum, &domain.freq_by_sample, &domain.weight_mean_by_sample,
                     &domain.decisive})
    sums->resize(ranked);
  for (auto* sums : {&domain.output_norm, &domain.gated_norm, &domain.output_share})
    sums->resize(flat);
  domain.moe_ratio.resize(layers_.size());
  domain.coactivation.resize(flat * rule_.n_expert);
  return domain;
}

void RoutingReference::add_sample(const std::string& name, std::span<const Window> windows) {
  auto& into = domain(name);
  Sample sample;
  sample.counts.resize(into.histograms.size());
  sample.weights.resize(into.histograms.size());
  std::int64_t n_token = 0;
  for (const auto& window : windows) {
    std::size_t first = 0;
    for (const auto& batch : window.batches) {
      if (batch.size() != layers_.size())
        throw std::logic_error(
            fmt::format("the graph ran {} MoE layers, not {}", batch.size(), layers_.size()));
      std::size_t row = 0;
      for (const auto& [block, tensors] : layers_) {
        const auto& raw = batch.at(block);
        for (std::size_t t = 0; t < raw.n_token; ++t)
          add_token(tensors, raw, t, window.tokens[first + t], row, into, sample);
        ++row;
      }
      first += batch.begin()->second.n_token;
    }
    if (first != window.tokens.size()) throw std::logic_error("tokens were lost on the way");
    n_token += static_cast<std::int64_t>(first);
  }
  into.n_token += n_token;
  into.n_sample += 1;
  for (std::size_t i = 0; i < sample.counts.size(); ++i) {
    const auto count = static_cast<double>(sample.counts[i]);
    const auto& [weight, error] = sample.weights[i];
    into.histograms[i] += sample.counts[i];
    add_to(into.weight_sum[i], weight, error);
    add_to(into.freq_by_sample[i], count / static_cast<double>(n_token), 0.0);
    const double n = std::max(count, 1.0);
    add_to(into.weight_mean_by_sample[i], weight / n, error / n);
  }
}

void RoutingReference::check_products(const RouterTensors& tensors, const RawLayer& raw,
                                      std::size_t t, std::size_t slot, std::uint32_t expert) {
  const float* a = &raw.activations[(t * raw.n_used + slot) * raw.n_in];
  const float* y = &raw.products[(t * raw.n_used + slot) * raw.n_out];
  // Else the engine rounds them to 8 bits: at most half a step of their largest, and 127 times what
  // the step loses as a half-precision number.
  double rounding = 0.0;
  for (std::size_t j = 0; j < raw.n_in && !tensors.down_is_f32; ++j) {
    const double step = std::abs(static_cast<double>(a[j])) / 127.0;
    rounding = std::max(rounding, step / 2 + 127 * std::max(step * 0x1p-11, 0x1p-25));
  }
  for (std::size_t i = 0; i < raw.n_out; ++i) {
    const float* row = &tensors.down[(expert * raw.n_out + i) * raw.n_in];
    double sum = 0.0;
    double magnitude = 0.0;
    double rounded = 0.0;
    for (std::size_t j = 0; j < raw.n_in; ++j) {
      const double term = static_cast<double>(row[j]) * static_cast<double>(a[j]);
      sum += term;
      magnitude += std::abs(term);
      rounded += std::abs(static_cast<double>(row[j])) * rounding;
    }
    const double bound =
        static_cast<double>(raw.n_in + 1) * kRound * (magnitude + rounded) + rounded;
    tally_.worst_product =
        std::max(tally_.worst_product, std::abs(static_cast<double>(y[i]) - sum) / bound);
    ++tally_.n_product;
  }
}

// Each chosen expert's output before gating, [R][n_out], in the order of `routing`.
std::vector<std::vector<Approx>> RoutingReference::outputs(const RouterTensors& tensors,
                                                           const RawLayer& raw, std::size_t t,
                                                           const TokenRouting& routing) {
  std::vector<std::vector<Approx>> out;
  for (std::size_t k = 0; k < routing.ids.size(); ++k) {
    const auto expert = routing.ids[k];
    check_products(tensors, raw, t, k, expert);
    auto& f = out.emplace_back();
    for (std::size_t i = 0; i < raw.n_out; ++i) {
      Approx value{static_cast<double>(raw.products[(t * raw.n_used + k) * raw.n_out + i]), 0.0};
      if (!tensors.output_scale.empty()) {
        value.value *= static_cast<double>(tensors.output_scale[expert]);
        value.error = kRound * std::abs(value.value);
      }
      if (!tensors.output_bias.empty()) {
        value.value += static_cast<double>(tensors.output_bias[expert * raw.n_out + i]);
        value.error += kRound * std::abs(value.value);
      }
      f.push_back(value);
    }
  }
  return out;
}

void RoutingReference::add_token(const RouterTensors& tensors, const RawLayer& raw, std::size_t t,
                                 std::int32_t token, std::size_t row, ReferenceDomain& domain,
                                 Sample& sample) {
  const std::size_t n_used = rule_.n_used;
  if (raw.n_used != n_used || raw.logits.size() != raw.n_token * rule_.n_expert)
    throw std::logic_error("the graph's router has another shape than the rule");
  const auto routing =
      route_token(rule_, tensors, std::span(raw.logits).subspan(t * rule_.n_expert, rule_.n_expert),
                  token, std::span(raw.multiplied).subspan(t * n_used, n_used));
  tally_.n_choice += n_used;
  tally_.n_near_tie += routing.n_near_tie;
  tally_.n_mismatch += routing.n_mismatch;

  const auto weights = tempered(routing.weights, temperature_);
  const auto f = outputs(tensors, raw, t, routing);
  std::vector<Approx> norms;
  double gated_sum = 0.0;
  double worst = 0.0;  // relative error of a gated norm
  for (std::size_t k = 0; k < n_used; ++k) {
    norms.push_back(norm(f[k]));
    gated_sum += weights[k].value * norms[k].value;
    worst = std::max(worst, relative(weights[k]) + relative(norms[k]));
  }
  for (const auto one : routing.ids) {
    for (const auto other : routing.ids)
      ++domain.coactivation[(row * rule_.n_expert + one) * rule_.n_expert + other];
  }
  const auto& first = weights.front();
  const auto& last = weights.back();
  for (std::size_t k = 0; k < n_used; ++k) {
    const auto& [weight, error] = weights[k];
    const std::size_t flat = row * rule_.n_expert + routing.ids[k];
    const std::size_t ranked = flat * n_used + k;
    sample.counts[ranked] += 1;
    add_to(sample.weights[ranked], weight, error);
    const double margin = first.value - last.value;
    add_to(domain.decisive[ranked], margin * weight,
           (first.error + last.error) * weight + std::abs(margin) * error);
    const double gated = weight * norms[k].value;
    const double rel = relative(weights[k]) + relative(norms[k]);
    add_to(domain.output_norm[flat], norms[k].value, norms[k].error);
    add_to(domain.gated_norm[flat], gated, gated * rel);
    if (gated_sum > 0.0)
      add_to(domain.output_share[flat], gated / gated_sum, gated / gated_sum * (rel + worst));
  }

  if (raw.residual.empty()) return;
  std::vector<Approx> sum(raw.n_out);
  for (std::size_t k = 0; k < n_used; ++k) {
    for (std::size_t i = 0; i < raw.n_out; ++i) {
      const double term = routing.weights[k].value * f[k][i].value;
      sum[i].value += term;
      // The product rounds once, and each of the R - 1 additions once more at most.
      sum[i].error +=
          std::abs(routing.weights[k].value) * f[k][i].error +
          std::abs(term) * (relative(routing.weights[k]) + static_cast<double>(n_used) * kRound);
    }
  }
  const std::size_t n_embd = raw.residual.size() / raw.n_token;
  std::vector<Approx> stream;
  for (const float x : std::span(raw.residual).subspan(t * n_embd, n_embd))
    stream.push_back({static_cast<double>(x), 0.0});
  const auto above = norm(sum);
  const auto below = norm(stream);
  if (below.value > 0.0)
    add_to(domain.moe_ratio[row], above.value / below.value,
           above.value / below.value * (relative(above) + relative(below)));
}

}  // namespace coe::testing
