#include "coe/base/hash.h"
#include "coe/model/moe/ids.h"
#include "coe/profile/routing/accumulators.h"
#include "coe/profile/routing/stats.h"

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

namespace {

void add_real(Hasher& hasher, double value) { hasher.add(std::bit_cast<std::uint64_t>(value)); }

template <class Number>
void add_values(Hasher& hasher, const std::vector<Number>& values) {
  hasher.add(std::uint64_t{values.size()});
  hasher.add(std::as_bytes(std::span(values)));
}

}  // namespace

std::string content_digest(const RoutingStats& stats) {
  Hasher hasher;
  hasher.add_sized("coe routing profile 1");
  hasher.add_sized(stats.parent.architecture);
  hasher.add_sized(stats.parent.digest);
  hasher.add(std::uint64_t{stats.shape.n_layer()});
  for (const LayerId layer : stats.shape.layers) hasher.add(std::uint64_t{layer.value});
  hasher.add(std::uint64_t{stats.shape.n_expert});
  hasher.add(std::uint64_t{stats.shape.n_expert_used});
  hasher.add(std::uint64_t{stats.shape.n_expert_group});
  hasher.add(std::uint64_t{stats.shape.n_chunk_expert});
  add_real(hasher, stats.router_temperature);
  hasher.add_sized(stats.mask_digest);
  for (const auto& domain : stats.domains) {
    hasher.add_sized(domain.name);
    add_real(hasher, domain.weight);
    hasher.add(static_cast<std::uint64_t>(domain.n_token));
    hasher.add(static_cast<std::uint64_t>(domain.n_sample));
    add_values(hasher, domain.histograms);
    for (const auto& accumulator : kAccumulators) {
      // Profiles of before there were squares keep their identity.
      if (accumulator.kept == Kept::kSquares && !domain.has_squares()) continue;
      add_values(hasher, domain.*accumulator.values);
    }
    add_values(hasher, domain.coactivation);
  }
  return hasher.digest();
}

}  // namespace coe
