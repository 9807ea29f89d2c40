#pragma once

#include "coe/child/heal/token_store.h"

#include "support/expect.h"

#include <cstddef>

namespace coe::testing {

inline Matrix rows_of(const TokenStore& store, std::size_t layer, TokenStore::Kind kind,
                      std::size_t first, std::size_t n) {
  Matrix rows;
  expect_ok(store.read(layer, kind, first, n, rows));
  return rows;
}

}  // namespace coe::testing
