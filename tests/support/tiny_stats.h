// Small routing profiles for tests, built token by token as the profiler does.
#pragma once

#include "coe/base/rng.h"
#include "coe/model/moe/ids.h"
#include "coe/profile/routing/accumulators.h"
#include "coe/profile/routing/stats.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe::testing {

// One expert that a token chose, in order of rank.
struct Choice {
  std::uint32_t expert;
  double weight;
  double norm = 1.0;  // of the expert's output
};
using Token = std::vector<Choice>;
using Sample = std::vector<Token>;  // of one layer

inline ExpertGrid shape_of(std::uint32_t n_layer, std::uint32_t n_expert,
                           std::uint32_t n_expert_used) {
  ExpertGrid shape;
  for (std::uint32_t layer = 0; layer < n_layer; ++layer) shape.layers.push_back(LayerId{layer});
  shape.n_expert = n_expert;
  shape.n_expert_used = n_expert_used;
  return shape;
}

// Adds one sample; layers[l] is what row l did. Source: docs/method.md, section 2.1.
inline void add_sample(DomainStats& domain, const ExpertGrid& shape,
                       const std::vector<Sample>& layers) {
  const std::size_t n_token = layers.front().size();
  std::vector<std::int64_t> counts(shape.n_ranked(), 0);
  std::vector<double> weights(shape.n_ranked(), 0.0);
  for (std::size_t l = 0; l < layers.size(); ++l) {
    for (const Token& token : layers[l]) {
      const double margin = token.front().weight - token.back().weight;
      double gated_total = 0.0;
      for (const auto& choice : token) gated_total += choice.weight * choice.norm;
      if (domain.has_coactivation()) {
        for (const auto& a : token)
          for (const auto& b : token)
            domain.coactivation[(l * shape.n_expert + a.expert) * shape.n_expert + b.expert] += 1;
      }
      for (std::size_t k = 0; k < token.size(); ++k) {
        const auto& [expert, weight, norm] = token[k];
        counts[shape.at(l, expert, k)] += 1;
        weights[shape.at(l, expert, k)] += weight;
        domain.decisive[shape.at(l, expert, k)] += margin * weight;
        if (!domain.has_outputs()) continue;
        const std::size_t flat = l * shape.n_expert + expert;
        domain.output_norm[flat] += norm;
        domain.gated_norm[flat] += weight * norm;
        if (domain.has_squares()) domain.output_square[flat] += norm * norm;
        domain.output_share[flat] += weight * norm / gated_total;
      }
      if (domain.has_outputs()) domain.moe_ratio[l] += 0.5;
    }
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto count = static_cast<double>(counts[i]);
    domain.histograms[i] += counts[i];
    domain.weight_sum[i] += weights[i];
    domain.freq_by_sample[i] += count / static_cast<double>(n_token);
    domain.weight_mean_by_sample[i] += weights[i] / std::max(count, 1.0);
  }
  domain.n_token += static_cast<std::int64_t>(n_token);
  domain.n_sample += 1;
}

// Tokens that prefer some experts of a layer, with descending weights that sum to 1.
inline std::vector<Sample> random_sample(const ExpertGrid& shape, std::size_t n_token, Rng& rng) {
  std::vector<Sample> layers(shape.n_layer());
  for (auto& sample : layers) {
    for (std::size_t t = 0; t < n_token; ++t) {
      std::vector<std::uint32_t> ids(shape.n_expert);
      std::iota(ids.begin(), ids.end(), 0U);
      rng.shuffle(std::span(ids));
      std::sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>((ids.size() + 1) / 2));
      std::vector<double> weights(shape.n_expert_used);
      for (double& weight : weights) weight = rng.uniform() + 0.01;
      std::sort(weights.rbegin(), weights.rend());
      const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
      Token token;
      for (std::size_t k = 0; k < weights.size(); ++k)
        token.push_back({ids[k], weights[k] / total, rng.uniform() * 4.0 + 0.1});
      sample.push_back(std::move(token));
    }
  }
  return layers;
}

inline RoutingStats empty_stats(const ExpertGrid& shape) {
  RoutingStats stats;
  stats.parent = {"tiny", "qwen3moe", "xxh3:00000000000000000000000000000001"};
  stats.shape = shape;
  stats.tool_version = "0.1.0";
  stats.engine = "fake 1";
  stats.corpus_digest = "xxh3:c0";
  stats.settings = "max_tokens=16";
  stats.command_line = "coe profile -m tiny.gguf";
  return stats;
}

// Sub-domains of three samples of 5 to 12 tokens each; `domains` in ascending order.
inline RoutingStats random_stats(const ExpertGrid& shape,
                                 const std::vector<std::pair<std::string, double>>& domains,
                                 std::uint64_t seed, bool with_outputs = true,
                                 bool with_coactivation = false, bool with_squares = false) {
  Rng rng(seed);
  auto stats = empty_stats(shape);
  for (const auto& [name, weight] : domains) {
    auto domain =
        DomainStats::zero(name, weight, shape, with_outputs, with_coactivation, with_squares);
    for (int sample = 0; sample < 3; ++sample)
      add_sample(domain, shape,
                 random_sample(shape, static_cast<std::size_t>(rng.between(5, 12)), rng));
    stats.domains.push_back(std::move(domain));
  }
  return stats;
}

// Gives the experts of each layer other ids, the same in every sub-domain: random profiles prefer
// low ids, and so resemble each other too much for some tests. No coactivation.
inline void shuffle_experts(RoutingStats& stats, std::uint64_t seed) {
  Rng rng(seed);
  const std::size_t n_expert = stats.shape.n_expert;
  for (std::size_t l = 0; l < stats.shape.n_layer(); ++l) {
    std::vector<std::size_t> order(n_expert);
    std::iota(order.begin(), order.end(), 0U);
    rng.shuffle(std::span(order));
    const auto rearrange = [&](auto& values) {
      if (values.size() <= stats.shape.n_layer()) return;  // [L], or absent
      const std::size_t width = values.size() / stats.shape.n_flat();
      const auto old = values;
      for (std::size_t e = 0; e < n_expert; ++e)
        for (std::size_t k = 0; k < width; ++k)
          values[(l * n_expert + e) * width + k] = old[(l * n_expert + order[e]) * width + k];
    };
    for (auto& domain : stats.domains) {
      rearrange(domain.histograms);
      for (const auto& accumulator : kAccumulators) rearrange(domain.*accumulator.values);
    }
  }
}

// Two sub-domains, two layers of four experts, two used. Layer 1 does in reverse (expert 3 - e)
// what layer 0 does. The numbers are exact in binary; the tests that use it say what follows from
// it.
inline RoutingStats worked_stats() {
  const std::vector<Sample> css = {
      {{{0, 0.75, 2}, {1, 0.25, 4}}, {{0, 0.75, 2}, {2, 0.25, 6}}, {{1, 0.5, 1}, {0, 0.5, 3}}},
      {{{2, 0.625, 2}, {1, 0.375, 2}}}};
  const std::vector<Sample> js = {{{{3, 0.75, 1}, {2, 0.25, 1}}, {{3, 0.5, 1}, {0, 0.5, 1}}}};
  auto stats = empty_stats(shape_of(2, 4, 2));
  const auto add = [&](std::string name, double weight, const std::vector<Sample>& samples) {
    auto domain = DomainStats::zero(std::move(name), weight, stats.shape, true);
    for (const Sample& sample : samples) {
      Sample mirrored = sample;
      for (auto& token : mirrored)
        for (auto& choice : token) choice.expert = 3 - choice.expert;
      add_sample(domain, stats.shape, {sample, mirrored});
    }
    stats.domains.push_back(std::move(domain));
  };
  add("css", 0.75, css);
  add("js", 0.25, js);
  return stats;
}

}  // namespace coe::testing
