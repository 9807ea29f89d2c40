// Packed text: whatever the bytes are, at most so much comes out, and an error is one line.
#include "coe/base/unpack.h"

#include "require.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kMost = 1 << 20;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto text = coe::unpack(bytes, "input", kMost);
  if (!text) {
    require_plain(text.error(), {coe::Code::kCorrupt, coe::Code::kUnsupported});
    return 0;
  }
  if (!*text) return 0;
  require((*text)->size() <= kMost);
  // The same bytes twice are the same text twice.
  if ((*text)->size() > kMost / 2) return 0;
  std::vector<std::byte> twice(bytes.begin(), bytes.end());
  twice.insert(twice.end(), bytes.begin(), bytes.end());
  const auto again = coe::unpack(twice, "input", kMost);
  require(again && *again && **again == **text + **text);
  return 0;
}
