// Finds markers in texts, and what stands between white space.
#pragma once

#include <cstddef>
#include <string_view>

namespace coe {

// `text` without the white space around it.
inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) + 1 - first);
}

struct FoundMarker {
  std::size_t begin = std::string_view::npos;  // npos: none was found
  std::size_t end = std::string_view::npos;
};

// The first of `markers`, a range of texts, from `from` on; of several there the longest. Empty
// markers are passed over.
template <class Markers>
FoundMarker find_marker(std::string_view text, std::size_t from, const Markers& markers) {
  FoundMarker found;
  for (const std::string_view marker : markers) {
    if (marker.empty()) continue;
    const std::size_t at = text.find(marker, from);
    if (at == std::string_view::npos) continue;
    const std::size_t end = at + marker.size();
    if (found.begin == std::string_view::npos || at < found.begin ||
        (at == found.begin && end > found.end))
      found = {at, end};
  }
  return found;
}

}  // namespace coe
