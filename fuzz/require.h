// Fuzz targets hold things to be true: a false condition is a crash, which the fuzzer keeps.
#pragma once

#include "coe/base/result.h"

#include <cstdlib>
#include <initializer_list>
#include <string>

inline void require(bool condition) {
  if (!condition) std::abort();
}

// One of these codes, and a message of one line that says something.
inline void require_plain(const coe::Error& error, std::initializer_list<coe::Code> codes) {
  bool known = false;
  for (const auto code : codes) known = known || error.code == code;
  require(known);
  require(!error.message.empty() && error.message.find('\n') == std::string::npos);
}
