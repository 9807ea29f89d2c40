// Bytes of a file as the text that they are.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace coe {

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace coe
