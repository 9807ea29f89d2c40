// What the specialists that different scores choose lose on their own domains' text, side by side.
#pragma once

#include "coe/base/stats/bootstrap.h"
#include "coe/measure/eval/eval.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coe {

// One way to choose experts.
struct ShootoutRow {
  std::string score;              // its name
  std::string heal;               // the method that the specialists were healed by; empty: only cut
  std::vector<DomainEval> cells;  // [domains], each of its own domain's specialist
  // Geometric mean over the domains of the KL as a ratio to the baseline's, paired.
  Interval ratio = {};

  // "recon", "recon + ridge".
  std::string name() const { return heal.empty() ? score : score + " + " + heal; }
};

// All rows of one K. The first is the baseline.
struct Shootout {
  std::uint32_t n_keep = 0;
  std::vector<std::string> domains;
  std::vector<ShootoutRow> rows;

  // The row of the lowest KL on a domain, or of the lowest ratio; the first of equals. Random masks
  // take part.
  std::size_t best_on(std::size_t domain) const;
  std::size_t best() const;
};

// Geometric mean over domains of KL ÷ the baseline's KL on the same records. Bounds: in each
// replicate the records of each domain are drawn with replacement, the same ones for both. Domains
// of which either KL is 0 in a replicate, or in all, do not count in it. Shapes: [domains], equal,
// and of the same records.
Interval geometric_mean_ratio(std::span<const DomainEval> cells,
                              std::span<const DomainEval> baseline,
                              const BootstrapOptions& options = {});

// What a mask drawn by chance comes to: of each record the mean over several draws. At least one,
// all of the same records.
DomainEval mean_of_draws(std::span<const DomainEval> draws);

// Sets the ratios of all rows.
void compare_to_first(Shootout& shootout);

}  // namespace coe
