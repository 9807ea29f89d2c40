// Is the text enough? Watches the mask that a profile would give while the profile grows, and says
// when it holds still. Source: docs/method.md, section 2.4.
//
// The mask is the top K by `util` over all text so far, every token counting the same: per layer
// the experts of largest weight sum, for dividing by the tokens moves none. At token counts a 1/8
// of a doubling apart, three things are taken down:
//
// - the Jaccard index of the mask with the one at (the last point not beyond) half the tokens, per
//   layer and on the mean: what doubling the text did;
// - its lower bound. Each of 200 replicates gives every sample a Poisson(1) number of copies, drawn
//   from the sample's index alone (the bootstrap, one sample at a time), and so has a mask of its
//   own. The bound is the 10th lowest (the 5th percentile) of the replicates' mean Jaccard indices
//   with the mask of all text. A sum over half the text is as far from the sum over all of it as
//   that is from another draw of as much text, which is what a replicate imitates: the bound is one
//   for the index above, without keeping 200 masks at half the tokens. It is also how well, at 95 %
//   confidence, the mask agrees with that of unlimited text of the kind;
// - the normalised entropy of the weight sums, -sum p ln p / ln E, on the mean over layers.
//
// Samples count as independent: pieces of one file, which are not, make the bound too high.
// Below 20 samples the bootstrap says nothing and there is no bound. Memory: 4*200*L*E bytes and
// little else: 3 MB at 30 layers of 128 experts, 25 MB at 60 of 512.
#pragma once

#include "coe/base/result.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/top_k.h"
#include "coe/profile/routing/stats.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace coe {

inline constexpr std::size_t kReplicates = 200;
inline constexpr std::int64_t kMinSamples = 20;

struct StabilityOptions {
  std::uint32_t n_keep = 0;  // K; 0: half of the experts
  std::optional<double> stop_at =
      std::nullopt;  // stop when mean index and lower bound are at least this
};

struct StabilityPoint {
  std::int64_t n_token = 0;
  std::int64_t n_sample = 0;
  std::int64_t n_half = 0;                     // tokens of the mask compared with
  std::vector<double> layers = {};             // [L] Jaccard index
  double jaccard = 0.0;                        // their mean
  std::optional<double> lower = std::nullopt;  // bound of the mean
  double entropy = 0.0;                        // mean over layers
};

struct StabilityReport {
  std::uint32_t n_keep = 0;
  std::optional<double> stop_at;
  bool stopped = false;  // before the end of the text
  std::vector<LayerId> layers;
  std::vector<StabilityPoint> points;  // the last is the whole profile, if that has a half
  std::vector<double> entropy;         // [L] at the end
  ExpertTable<double> membership;      // [L,E] share of replicates that keep it; empty below 20
                                       // samples
};

// All that a checkpoint needs.
struct StabilityState {
  std::int64_t n_token = 0;
  std::int64_t n_sample = 0;
  double next = 0.0;              // tokens at which the next point is due
  std::vector<double> sums;       // [L,E]
  std::vector<float> replicates;  // [kReplicates,L,E]
  struct Snapshot {
    std::int64_t n_token = 0;
    std::vector<std::uint8_t> mask;  // [L,E], 1: kept
  };
  std::deque<Snapshot> snapshots;  // ascending; from the last one within half the tokens on
  std::vector<StabilityPoint> points;
};

class Stability {
 public:
  // Errors: kInvalidArgument when K is below the experts used per token, not below the number there
  // are, or does not fit the groups or chunks; when stop_at is not in (0, 1].
  static Result<Stability> create(const ExpertGrid& shape, const StabilityOptions& options);

  // One sample: its index over the whole corpus, and its weight sums over ranks, [L,E].
  void add_sample(std::uint64_t index, std::int64_t n_token, std::span<const double> utility);
  // Says whether the last point passes stop_at.
  bool is_stable() const;
  const StabilityPoint* last_point() const;
  std::uint32_t n_keep() const { return rule_.n_keep; }
  // Takes down the point of the end, if that is not there yet.
  StabilityReport report(bool stopped);

  const StabilityState& state() const { return state_; }
  // Goes on from there. Errors: kCorrupt when it is of another shape.
  Status restore(StabilityState state);

 private:
  using Mask = std::vector<std::uint8_t>;
  Stability() = default;
  template <class Number>
  Mask mask_of(std::span<const Number> sums) const;
  std::vector<double> jaccard(const Mask& a, const Mask& b) const;
  double lower_bound(const Mask& mask) const;
  std::vector<double> entropy() const;
  void take_point();

  ExpertGrid shape_;
  KeepRule rule_;
  std::optional<double> stop_at_;
  std::vector<float> scratch_;  // the sample's weight sums
  StabilityState state_;
};

}  // namespace coe
