// SHA-256 (FIPS 180-4), by which hubs, registries and `sha256sum` know a file. Hasher
// (base/hash.h) is quicker and tells files apart; this one also stands against forgery.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace coe {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::span<const std::byte> bytes);
  // 64 hexadecimal digits of all that was added so far.
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Hashes these bytes alone.
std::string sha256_of(std::string_view bytes);

// Hashes a whole file, which is read in pieces, and tells `observer` how far it is under the name
// `stage`. Errors: kNotFound, kIo; kUnsupported for folders, pipes and devices; kCancelled.
Result<std::string> sha256_file(const std::filesystem::path& path, std::string_view stage,
                                Observer& observer);

}  // namespace coe
