// Seeded random numbers that are the same on every machine: the standard library's distributions
// differ between implementations. Source: SplitMix64, Steele, Lea & Flood, "Fast splittable
// pseudorandom number generators", OOPSLA 2014.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

namespace coe {

// SplitMix64's mixer: a bijection in which every bit of the result depends on every bit of `z`.
constexpr std::uint64_t mix_bits(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

class Rng {
 public:
  explicit Rng(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    return mix_bits(state_);
  }

  // Uniform in [0, n), n > 0. Unbiased: the high part of a 128-bit product, rejecting the short
  // stretch.
  std::uint64_t below(std::uint64_t n) {
    const std::uint64_t threshold = (0 - n) % n;
    while (true) {
      const unsigned __int128 product = static_cast<unsigned __int128>(next()) * n;
      if (static_cast<std::uint64_t>(product) >= threshold)
        return static_cast<std::uint64_t>(product >> 64);
    }
  }

  // Uniform in [low, high], both ends included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }

  // Uniform in [0, 1) with 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

// Returns a seed for the index-th of many things that are drawn with one seed, each in its own way.
inline std::uint64_t derived_seed(std::uint64_t seed, std::uint64_t index) {
  return Rng(Rng(seed).next() + index).next();
}

}  // namespace coe
