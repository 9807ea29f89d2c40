// Turns the engine's reports into sums: first those of one sample, which are added to a sub-domain
// only when the sample is complete, so that work which stops in the middle leaves no trace.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/profile/routing/stats.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coe {

struct CollectorOptions {
  bool outputs = true;
  bool coactivation = false;
  bool squares = false;  // of expert outputs
  double router_temperature = 1.0;
};

// weights[k] becomes S * w_k^(1/T) / sum_j w_j^(1/T) with S = sum_j w_j, `weights` being those of
// one token, none negative. Computed from the largest weight down, so that no T overflows. A token
// whose weights are all 0 keeps them.
void temper(std::span<float> weights, double temperature);

// Says where a report holds what is no number: layer, token of the report's, expert and what it is;
// nullopt where it holds none.
std::optional<std::string> not_a_number(const LayerRouting& routing);

class Collector : public RoutingObserver {
 public:
  // `shape` must outlive it. `n_block`: blocks of the model, dense ones included.
  Collector(const ExpertGrid& shape, std::uint32_t n_block, const CollectorOptions& options);

  // Forgets what was seen since the last end_sample.
  void begin_sample();
  void on_routing(const LayerRouting& routing) override;
  // Adds the sample, which had `n_token` tokens over all its windows. Errors: kEngine when a report
  // since begin_sample cannot be true of the model; `domain` is then as it was.
  Status end_sample(std::size_t n_token, DomainStats& domain);
  // Returns the weight sums over ranks, [L,E], of the sample that ended last.
  std::span<const double> utility() const { return utility_; }

 private:
  static constexpr std::size_t kNoRow = static_cast<std::size_t>(-1);

  void note(std::string problem);
  void add_token(const LayerRouting& routing, std::size_t row, std::size_t t);
  void add_pairs(DomainStats& domain) const;

  const ExpertGrid& shape_;
  CollectorOptions options_;
  std::vector<std::size_t> row_of_block_;
  DomainStats sample_;           // without the by-sample sums, and with no pairs
  std::vector<float> tempered_;  // weights of the token at hand
  std::vector<std::uint32_t>
      chosen_;  // for coactivation: [choices of the sample], row * E + expert
  std::vector<double> utility_;
  std::string problem_;
};

}  // namespace coe
