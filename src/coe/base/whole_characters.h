// JSON from outside that holds parts of characters: servers and pages cut them in half, and JSON
// may not hold halves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace coe {

struct WholeCharacters {
  std::string text;
  std::uint64_t n_replaced = 0;
};

// Each byte that breaks UTF-8, and each escape of a surrogate ("\ud83d") that is not one of a pair,
// becomes U+FFFD. All else stays.
WholeCharacters whole_characters(std::string_view json);

}  // namespace coe
