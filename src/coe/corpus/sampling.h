// Seeded sampling that is stable: whether an item is taken depends on the seed, its own name and
// how many others rank before it, not on the order or the number of the rest.
#pragma once

#include "coe/base/rng.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

// The place of `name` in the order that `seed` gives. FNV-1a (Fowler, Noll, Vo), then SplitMix64
// for the avalanche that it lacks.
inline std::uint64_t seeded_rank(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return Rng(Rng(seed).next() ^ hash).next();
}

// Keeps the `n` items of the smallest ranks, in their old order; key(item) is the name to rank.
template <class T, class Key>
void sample_by_rank(std::vector<T>& items, std::uint64_t n, std::uint64_t seed, Key key) {
  if (items.size() <= n) return;
  std::vector<std::pair<std::uint64_t, std::size_t>> ranks;
  ranks.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i)
    ranks.emplace_back(seeded_rank(seed, key(items[i])), i);
  std::sort(ranks.begin(), ranks.end());
  ranks.resize(static_cast<std::size_t>(n));
  std::sort(ranks.begin(), ranks.end(),
            [](const auto& a, const auto& b) { return a.second < b.second; });
  std::vector<T> kept;
  kept.reserve(ranks.size());
  for (const auto& [rank, i] : ranks) kept.push_back(std::move(items[i]));
  items = std::move(kept);
}

}  // namespace coe
