#include "coe/base/hash.h"

#include "coe/base/result.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace coe {

struct Hasher::State {
  XXH3_state_t* xxh = XXH3_createState();
  State() {
    COE_CHECK(xxh != nullptr);
    XXH3_128bits_reset(xxh);
  }
  ~State() { XXH3_freeState(xxh); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Hasher::Hasher() : state_(std::make_unique<State>()) {}
Hasher::~Hasher() = default;

void Hasher::add(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
}

void Hasher::add(std::string_view text) { add(std::as_bytes(std::span(text))); }

void Hasher::add(std::uint64_t value) { add(std::as_bytes(std::span(&value, 1))); }

void Hasher::add_sized(std::string_view text) {
  add(std::uint64_t{text.size()});
  add(text);
}

std::string Hasher::digest() const {
  const XXH128_hash_t h = XXH3_128bits_digest(state_->xxh);
  return fmt::format("xxh3:{:016x}{:016x}", h.high64, h.low64);
}

std::string digest_of(std::string_view bytes) {
  Hasher hasher;
  hasher.add(bytes);
  return hasher.digest();
}

std::uint64_t hash_number(std::string_view bytes) {
  return XXH3_128bits(bytes.data(), bytes.size()).high64;
}

}  // namespace coe
