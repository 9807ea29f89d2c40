// Choosing by routing: the experts that a request's own tokens choose in the parent's first layers,
// held against those that each domain's text chooses.
//
//   evidence_d = n^(-1/2) * sum over layers l, experts e of c_le * ln p_dle
//   p_dle = (n_dle + 1/2) / (sum over experts f of n_dlf + E/2)
//
// where c_le says how often the n tokens of the request choose expert e in layer l, and n_dle how
// often those of the domain's text do. This is the likelihood of the choices under the domain's
// profile, smoothed by half a choice (Krichevsky & Trofimov, "The Performance of Universal
// Encoding", IEEE Trans. Inf. Theory 27, 1981), were all choices independent. They are not: layers
// and neighbouring tokens choose alike. So it is divided by the root of how many there are, and the
// rest is calibration's.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/model/moe/expert_grid.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

namespace coe {

// Choices of experts, [L,E], and of how many tokens.
struct ChoiceCounts {
  std::vector<std::int64_t> counts;
  std::int64_t n_token = 0;

  void add(const ChoiceCounts& other);
  void subtract(const ChoiceCounts& other);
};

struct RoutingModel {
  ExpertGrid grid;                    // the layers that are asked
  std::vector<ChoiceCounts> domains;  // in the order of names
};

// Counts fit the grid, are not negative, and each layer's sum to n_token times the experts of a
// token. Errors: kCorrupt.
Status check_routing_model(const RoutingModel& model);

// Shape: [n_domain]. `request` has at least one token.
std::vector<double> routing_evidence(const RoutingModel& model, const ChoiceCounts& request);

// The same for many requests.
class RoutingScorer {
 public:
  explicit RoutingScorer(const RoutingModel& model);
  std::vector<double> evidence(const ChoiceCounts& request) const;

 private:
  std::size_t n_flat_ = 0;
  std::vector<double> log_shares_;  // [n_domain][L*E]
};

// Requests are read up to this many tokens: what a longer one says of its domain it says by then.
inline constexpr std::uint32_t kMostRoutedTokens = 256;

// Says what the tokens of a text choose. One at a time has the engine.
class RoutingReader {
 public:
  // `grid` has layers of the engine's; it may have others too, whose routing is passed over.
  // Errors: kMismatch where a layer or the number of experts is not the engine's.
  static Result<RoutingReader> make(std::unique_ptr<Engine> engine, const ExpertGrid& grid);

  // The token that all texts begin with is not counted. n_token is 0 for an empty text. Errors:
  // those of Engine::tokenize and decode; kEngine for a report that cannot be true.
  Result<ChoiceCounts> read(std::string_view text, std::uint32_t most_tokens = kMostRoutedTokens);

  Engine& engine() { return *engine_; }
  const ExpertGrid& grid() const { return grid_; }

 private:
  RoutingReader(std::unique_ptr<Engine> engine, ExpertGrid grid);

  std::unique_ptr<Engine> engine_;
  ExpertGrid grid_;
  std::unique_ptr<std::mutex> one_at_a_time_;
};

}  // namespace coe
