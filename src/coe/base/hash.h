// Content identity: XXH3-128 (not cryptographic; it answers "is this the file I saw?", not "is it
// forged?").
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace coe {

class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void add(std::span<const std::byte> bytes);
  void add(std::string_view text);
  void add(std::uint64_t value);  // as 8 little-endian bytes
  // Adds its length first, so that no two sequences of texts give the same bytes.
  void add_sized(std::string_view text);
  // "xxh3:" and 32 hexadecimal digits.
  std::string digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Digests these bytes alone.
std::string digest_of(std::string_view bytes);
// The first half of that digest's number: for seeds that depend on a text alone.
std::uint64_t hash_number(std::string_view bytes);

}  // namespace coe
