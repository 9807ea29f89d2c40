// This tells what a file that is not GGUF looks like, for the error message.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace coe::gguf {

struct LooksLike {
  std::string_view what;  // "a zip archive"; empty when nothing is recognised
  std::string_view hint;
};

LooksLike sniff(std::span<const std::byte> bytes);

}  // namespace coe::gguf
