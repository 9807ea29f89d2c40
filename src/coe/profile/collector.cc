#include "coe/profile/collector.h"

#include "coe/base/not_finite.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace coe {

void temper(std::span<float> weights, double temperature) {
  double sum = 0.0;
  double largest = 0.0;
  for (const float w : weights) {
    sum += w;
    largest = std::max(largest, static_cast<double>(w));
  }
  if (largest <= 0.0) return;
  double total = 0.0;
  for (const float w : weights) total += std::pow(w / largest, 1.0 / temperature);
  for (float& w : weights)
    w = static_cast<float>(sum * std::pow(w / largest, 1.0 / temperature) / total);
}

std::optional<std::string> not_a_number(const LayerRouting& routing) {
  const auto first_of = [](const std::vector<float>& values) {
    if (count_not_finite(values) == 0) return values.size();
    return static_cast<std::size_t>(std::ranges::find_if_not(values, is_finite) - values.begin());
  };
  const auto token = [&](std::size_t at) { return routing.first_token + at + 1; };
  const auto of_expert = [&](const std::vector<float>& values,
                             std::string_view what) -> std::optional<std::string> {
    const auto at = first_of(values);
    if (at == values.size()) return std::nullopt;
    return fmt::format("layer {}: token {}: the {} of expert {} is {}", routing.layer.value,
                       token(at / routing.n_used), what, routing.ids[at], values[at]);
  };
  if (auto found = of_expert(routing.weights, "router weight")) return found;
  if (auto found = of_expert(routing.output_norms, "output")) return found;
  if (const auto at = first_of(routing.moe_norms); at < routing.moe_norms.size())
    return fmt::format("layer {}: token {}: the sum of the experts' outputs is no number",
                       routing.layer.value, token(at));
  if (const auto at = first_of(routing.residual_norms); at < routing.residual_norms.size())
    return fmt::format("layer {}: token {}: the residual stream is no number", routing.layer.value,
                       token(at));
  return std::nullopt;
}

Collector::Collector(const ExpertGrid& shape, std::uint32_t n_block,
                     const CollectorOptions& options)
    : shape_(shape),
      options_(options),
      row_of_block_(n_block, kNoRow),
      sample_(DomainStats::zero({}, 1.0, shape, options.outputs, false, options.squares)),
      tempered_(shape.n_expert_used),
      utility_(shape.n_flat()) {
  for (std::size_t row = 0; row < shape.n_layer(); ++row)
    row_of_block_[shape.layers[row].value] = row;
}

void Collector::begin_sample() {
  const auto clear = [](auto& values) { std::fill(values.begin(), values.end(), 0); };
  clear(sample_.histograms);
  clear(sample_.weight_sum);
  clear(sample_.decisive);
  clear(sample_.output_norm);
  clear(sample_.gated_norm);
  clear(sample_.output_square);
  clear(sample_.output_share);
  clear(sample_.moe_ratio);
  chosen_.clear();
  problem_.clear();
}

void Collector::on_routing(const LayerRouting& routing) {
  const std::size_t block = routing.layer.value;
  if (block >= row_of_block_.size() || row_of_block_[block] == kNoRow ||
      routing.n_used != shape_.n_expert_used) {
    note(fmt::format("layer {}: the engine routes to {} experts where the file says {}", block,
                     routing.n_used, shape_.n_expert_used));
    return;
  }
  const std::size_t row = row_of_block_[block];
  for (std::size_t t = 0; t < routing.n_token; ++t) add_token(routing, row, t);
}

void Collector::note(std::string problem) {
  if (problem_.empty()) problem_ = std::move(problem);
}

void Collector::add_token(const LayerRouting& routing, std::size_t row, std::size_t t) {
  const std::size_t n_used = routing.n_used;
  const auto ids = std::span(routing.ids).subspan(t * n_used, n_used);
  auto weights = std::span(routing.weights).subspan(t * n_used, n_used);
  for (const auto id : ids) {
    if (id >= 0 && static_cast<std::uint32_t>(id) < shape_.n_expert) continue;
    note(fmt::format("layer {}: the engine chose expert {} of {}", routing.layer.value, id,
                     shape_.n_expert));
    return;
  }
  if (options_.router_temperature != 1.0) {
    std::copy(weights.begin(), weights.end(), tempered_.begin());
    if (const auto least = std::min_element(weights.begin(), weights.end()); *least < 0.0F) {
      note(fmt::format("layer {}: a router weight of {} has no temperature", routing.layer.value,
                       *least));
      return;
    }
    temper(tempered_, options_.router_temperature);
    weights = tempered_;
  }
  const bool outputs = options_.outputs && !routing.output_norms.empty();
  const double margin = static_cast<double>(weights.front()) - weights.back();
  double gated_total = 0.0;
  if (outputs) {
    for (std::size_t k = 0; k < n_used; ++k)
      gated_total += static_cast<double>(weights[k]) * routing.output_norms[t * n_used + k];
  }
  for (std::size_t k = 0; k < n_used; ++k) {
    const auto expert = static_cast<std::size_t>(ids[k]);
    const std::size_t at = shape_.at(row, expert, k);
    const std::size_t flat = row * shape_.n_expert + expert;
    const double weight = weights[k];
    sample_.histograms[at] += 1;
    sample_.weight_sum[at] += weight;
    sample_.decisive[at] += margin * weight;
    if (options_.coactivation) chosen_.push_back(static_cast<std::uint32_t>(flat));
    if (!outputs) continue;
    const double norm = routing.output_norms[t * n_used + k];
    sample_.output_norm[flat] += norm;
    sample_.gated_norm[flat] += weight * norm;
    if (options_.squares) sample_.output_square[flat] += norm * norm;
    if (gated_total > 0) sample_.output_share[flat] += weight * norm / gated_total;
  }
  if (outputs && !routing.moe_norms.empty() && !routing.residual_norms.empty() &&
      routing.residual_norms[t] > 0)
    sample_.moe_ratio[row] += static_cast<double>(routing.moe_norms[t]) / routing.residual_norms[t];
}

void Collector::add_pairs(DomainStats& domain) const {
  const std::size_t n_used = shape_.n_expert_used;
  for (std::size_t first = 0; first < chosen_.size(); first += n_used) {
    const auto token = std::span(chosen_).subspan(first, n_used);
    for (const auto a : token)
      for (const auto b : token)
        domain.coactivation[std::size_t{a} * shape_.n_expert + b % shape_.n_expert] += 1;
  }
}

Status Collector::end_sample(std::size_t n_token, DomainStats& domain) {
  if (!problem_.empty()) return fail(Code::kEngine, problem_);
  std::fill(utility_.begin(), utility_.end(), 0.0);
  const auto n = static_cast<double>(n_token);
  for (std::size_t i = 0; i < sample_.histograms.size(); ++i) {
    const auto count = sample_.histograms[i];
    if (count == 0) continue;
    domain.histograms[i] += count;
    domain.weight_sum[i] += sample_.weight_sum[i];
    domain.freq_by_sample[i] += static_cast<double>(count) / n;
    domain.weight_mean_by_sample[i] += sample_.weight_sum[i] / static_cast<double>(count);
    domain.decisive[i] += sample_.decisive[i];
    utility_[i / shape_.n_expert_used] += sample_.weight_sum[i];
  }
  for (std::size_t i = 0; i < sample_.output_norm.size(); ++i) {
    domain.output_norm[i] += sample_.output_norm[i];
    domain.gated_norm[i] += sample_.gated_norm[i];
    domain.output_share[i] += sample_.output_share[i];
  }
  for (std::size_t i = 0; i < sample_.output_square.size(); ++i)
    domain.output_square[i] += sample_.output_square[i];
  for (std::size_t l = 0; l < sample_.moe_ratio.size(); ++l)
    domain.moe_ratio[l] += sample_.moe_ratio[l];
  if (options_.coactivation) add_pairs(domain);
  domain.n_sample += 1;
  domain.n_token += static_cast<std::int64_t>(n_token);
  return {};
}

}  // namespace coe
