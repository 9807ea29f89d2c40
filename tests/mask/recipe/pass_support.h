// Tables of passes for tests: small ones written by hand, and random ones.
#pragma once

#include "coe/base/rng.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace coe::testing {

template <class T>
ExpertTable<T> table_of(const std::vector<std::vector<T>>& rows) {
  ExpertTable<T> table(rows.size(), rows.front().size());
  for (std::size_t l = 0; l < rows.size(); ++l)
    std::copy(rows[l].begin(), rows[l].end(), table.row(l).begin());
  return table;
}

// One layer. Experts with a score were chosen a hundred times, and first in `n_first` tokens.
inline PassProfile one_layer(std::string name, std::vector<double> score,
                             std::vector<double> avg_rank, std::vector<std::int64_t> n_first = {}) {
  PassProfile profile;
  profile.name = std::move(name);
  n_first.resize(score.size());
  std::vector<std::int64_t> n_chosen;
  n_chosen.reserve(score.size());
  for (const double value : score) n_chosen.push_back(value > 0.0 ? 100 : 0);
  profile.score = table_of<double>({std::move(score)});
  profile.avg_rank = table_of<double>({std::move(avg_rank)});
  profile.n_first = table_of<std::int64_t>({std::move(n_first)});
  profile.n_chosen = table_of<std::int64_t>({std::move(n_chosen)});
  return profile;
}

// Few different values, so that ties abound; some experts are never chosen.
inline PassProfile random_profile(std::size_t n_layer, std::uint32_t n_expert, std::string name,
                                  Rng& rng) {
  PassProfile profile;
  profile.name = std::move(name);
  profile.score = profile.avg_rank = ExpertTable<double>(n_layer, n_expert);
  profile.n_first = profile.n_chosen = ExpertTable<std::int64_t>(n_layer, n_expert);
  for (std::size_t i = 0; i < n_layer * n_expert; ++i) {
    const auto n_chosen = static_cast<std::int64_t>(rng.below(20));
    profile.n_chosen.values()[i] = n_chosen;
    profile.n_first.values()[i] = static_cast<std::int64_t>(rng.below(20));
    profile.score.values()[i] = n_chosen > 0 ? static_cast<double>(1 + rng.below(12)) : 0.0;
    profile.avg_rank.values()[i] = n_chosen > 0 ? static_cast<double>(rng.below(15)) / 2.0 : 8.0;
  }
  return profile;
}

inline std::vector<LayerId> layer_ids(std::size_t n_layer) {
  std::vector<LayerId> layers;
  for (std::uint32_t l = 0; l < n_layer; ++l) layers.push_back(LayerId{l});
  return layers;
}

}  // namespace coe::testing
