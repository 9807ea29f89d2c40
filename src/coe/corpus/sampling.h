// Seeded sampling is stable here: whether an item is taken depends on the seed, on its own name and
// on how many others rank before it, not on the order or the number of the rest.
#pragma once

#include "coe/base/rng.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

// Returns the place of `name` in the order that `seed` gives, by FNV-1a (Fowler, Noll, Vo) and then
// SplitMix64 for the avalanche that it lacks.
inline std::uint64_t seeded_rank(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return Rng(Rng(seed).next() ^ hash).next();
}

// Returns the indices of the items in the order of their ranks; key(item) is the name to rank.
template <class T, class Key>
std::vector<std::size_t> rank_order(const std::vector<T>& items, std::uint64_t seed, Key key) {
  std::vector<std::pair<std::uint64_t, std::size_t>> ranks;
  ranks.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i)
    ranks.emplace_back(seeded_rank(seed, key(items[i])), i);
  std::sort(ranks.begin(), ranks.end());
  std::vector<std::size_t> order;
  order.reserve(ranks.size());
  for (const auto& [rank, i] : ranks) order.push_back(i);
  return order;
}

// Keeps the items of these indices, in their old order.
template <class T>
void keep_only(std::vector<T>& items, std::vector<std::size_t> indices) {
  std::sort(indices.begin(), indices.end());
  std::vector<T> kept;
  kept.reserve(indices.size());
  for (const std::size_t i : indices) kept.push_back(std::move(items[i]));
  items = std::move(kept);
}

// Keeps the `n` items of the smallest ranks.
template <class T, class Key>
void sample_by_rank(std::vector<T>& items, std::uint64_t n, std::uint64_t seed, Key key) {
  if (items.size() <= n) return;
  auto order = rank_order(items, seed, key);
  order.resize(static_cast<std::size_t>(n));
  keep_only(items, std::move(order));
}

// Keeps the items of the smallest ranks, up to the first whose cost would bring the sum above the
// budget.
template <class T, class Key, class Cost>
void sample_by_budget(std::vector<T>& items, std::uint64_t budget, std::uint64_t seed, Key key,
                      Cost cost) {
  if (budget == UINT64_MAX) return;
  auto order = rank_order(items, seed, key);
  std::uint64_t spent = 0;
  std::size_t n = 0;
  for (; n < order.size(); ++n) {
    const std::uint64_t next = cost(items[order[n]]);
    if (next > budget - spent) break;
    spent += next;
  }
  order.resize(n);
  keep_only(items, std::move(order));
}

}  // namespace coe
