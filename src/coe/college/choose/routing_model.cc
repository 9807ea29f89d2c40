#include "coe/college/choose/routing_model.h"

#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/model/moe/expert_grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

constexpr double kHalfAChoice = 0.5;

// Bounds for what a file says, so that no sum overflows.
constexpr std::int64_t kMostTokensOfDomain = std::int64_t{1} << 40;
constexpr std::uint32_t kMostExpertsOfToken = 1U << 16;

// Counts what it is told of, but for the first tokens.
class ChoiceObserver : public RoutingObserver {
 public:
  ChoiceObserver(const ExpertGrid& grid, std::size_t n_skip) : grid_(grid), n_skip_(n_skip) {
    counts_.counts.resize(grid.n_flat());
  }

  void on_routing(const LayerRouting& routing) override {
    const auto found = std::ranges::find(grid_.layers, routing.layer);
    if (found == grid_.layers.end()) return;
    const auto row = static_cast<std::size_t>(found - grid_.layers.begin());
    for (std::size_t t = 0; t < routing.n_token; ++t) {
      if (routing.first_token + t < n_skip_) continue;
      if (row == 0) ++counts_.n_token;
      for (std::size_t k = 0; k < routing.n_used; ++k)
        count(row, routing.ids[t * routing.n_used + k]);
    }
  }

  Result<ChoiceCounts> take() {
    if (!problem_.empty()) return fail(Code::kEngine, problem_);
    return std::move(counts_);
  }

 private:
  void count(std::size_t row, std::int32_t id) {
    if (id < 0 || static_cast<std::uint32_t>(id) >= grid_.n_expert) {
      problem_ = fmt::format("layer {}: the engine chose expert {} of {}", grid_.layers[row].value,
                             id, grid_.n_expert);
      return;
    }
    ++counts_.counts[row * grid_.n_expert + static_cast<std::size_t>(id)];
  }

  const ExpertGrid& grid_;
  std::size_t n_skip_;
  ChoiceCounts counts_;
  std::string problem_;
};

}  // namespace

void ChoiceCounts::add(const ChoiceCounts& other) {
  counts.resize(other.counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  n_token += other.n_token;
}

void ChoiceCounts::subtract(const ChoiceCounts& other) {
  counts.resize(other.counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] -= other.counts[i];
  n_token -= other.n_token;
}

Status check_routing_model(const RoutingModel& model) {
  const auto& grid = model.grid;
  if (model.domains.size() < 2)
    return fail(Code::kCorrupt, fmt::format("routing of {} domains", model.domains.size()));
  if (grid.n_layer() == 0 || grid.n_expert == 0 || grid.n_expert_used == 0 ||
      grid.n_expert_used > std::min(grid.n_expert, kMostExpertsOfToken))
    return fail(Code::kCorrupt, fmt::format("routing of {}", grid_text(grid)));
  if (std::ranges::adjacent_find(grid.layers, std::ranges::greater_equal()) != grid.layers.end())
    return fail(Code::kCorrupt, "the layers of the routing do not ascend");
  for (std::size_t d = 0; d < model.domains.size(); ++d) {
    const auto& domain = model.domains[d];
    if (domain.counts.size() != grid.n_flat() || domain.n_token <= 0 ||
        domain.n_token > kMostTokensOfDomain)
      return fail(Code::kCorrupt, fmt::format("routing of domain {}: {} counts of {} tokens", d,
                                              domain.counts.size(), domain.n_token));
    const std::int64_t total = domain.n_token * std::int64_t{grid.n_expert_used};
    for (std::size_t l = 0; l < grid.n_layer(); ++l) {
      std::int64_t left = total;
      for (const auto count : std::span(domain.counts).subspan(l * grid.n_expert, grid.n_expert)) {
        if (count < 0 || count > left)
          return fail(Code::kCorrupt, fmt::format("routing of domain {}, layer {}: a count of {}",
                                                  d, grid.layers[l].value, count));
        left -= count;
      }
      if (left != 0)
        return fail(
            Code::kCorrupt,
            fmt::format("routing of domain {}, layer {}: counts sum to {}, but {} tokens "
                        "choose {} experts each",
                        d, grid.layers[l].value, total - left, domain.n_token, grid.n_expert_used));
    }
  }
  return {};
}

RoutingScorer::RoutingScorer(const RoutingModel& model) : n_flat_(model.grid.n_flat()) {
  const std::size_t n_expert = model.grid.n_expert;
  for (const auto& domain : model.domains)
    for (std::size_t l = 0; l < model.grid.n_layer(); ++l) {
      const auto row = std::span(domain.counts).subspan(l * n_expert, n_expert);
      const auto total =
          static_cast<double>(std::accumulate(row.begin(), row.end(), std::int64_t{0})) +
          kHalfAChoice * static_cast<double>(n_expert);
      for (const auto count : row)
        log_shares_.push_back(std::log((static_cast<double>(count) + kHalfAChoice) / total));
    }
}

std::vector<double> RoutingScorer::evidence(const ChoiceCounts& request) const {
  std::vector<double> out;
  const double length = std::sqrt(static_cast<double>(request.n_token));
  for (std::size_t first = 0; first < log_shares_.size(); first += n_flat_) {
    double sum = 0.0;
    for (std::size_t i = 0; i < n_flat_; ++i)
      sum += static_cast<double>(request.counts[i]) * log_shares_[first + i];
    out.push_back(sum / length);
  }
  return out;
}

std::vector<double> routing_evidence(const RoutingModel& model, const ChoiceCounts& request) {
  return RoutingScorer(model).evidence(request);
}

RoutingReader::RoutingReader(std::unique_ptr<Engine> engine, ExpertGrid grid)
    : engine_(std::move(engine)),
      grid_(std::move(grid)),
      one_at_a_time_(std::make_unique<std::mutex>()) {}

Result<RoutingReader> RoutingReader::make(std::unique_ptr<Engine> engine, const ExpertGrid& grid) {
  const auto& info = engine->info();
  if (info.n_expert != grid.n_expert || info.n_expert_used != grid.n_expert_used)
    return fail(Code::kMismatch,
                fmt::format("the blocks have {} experts, {} used, but the profiles {}",
                            info.n_expert, info.n_expert_used, grid_text(grid)));
  for (const auto layer : grid.layers)
    if (std::ranges::find(info.moe_layers, layer) == info.moe_layers.end())
      return fail(Code::kMismatch,
                  fmt::format("the blocks have no layer {} that routes", layer.value));
  return RoutingReader(std::move(engine), grid);
}

Result<ChoiceCounts> RoutingReader::read(std::string_view text, std::uint32_t most_tokens) {
  const std::scoped_lock lock(*one_at_a_time_);
  COE_TRY(auto tokens, engine_->tokenize(text));
  const auto bos = engine_->info().bos_token;
  const std::size_t n_skip = !tokens.empty() && bos >= 0 && tokens.front() == bos ? 1 : 0;
  tokens.resize(std::min<std::size_t>(
      tokens.size(),
      std::min(most_tokens + static_cast<std::uint32_t>(n_skip), engine_->info().n_ctx)));
  ChoiceObserver observer(grid_, n_skip);
  if (tokens.size() > n_skip) {
    DecodeRequest request;
    request.tokens = tokens;
    request.routing = &observer;
    COE_TRY_STATUS(engine_->decode(request));
  }
  return observer.take();
}

}  // namespace coe
