// Path patterns held to a matcher that tries everything: the first line is a pattern, the rest a
// path. A pattern that is refused is refused in one line.
#include "coe/corpus/glob.h"

#include "require.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

// The matcher below takes exponential time.
constexpr std::size_t kMostBytes = 24;

std::size_t character_size(std::string_view text) {
  std::size_t n = 1;
  while (n < text.size() && (static_cast<unsigned char>(text[n]) & 0xc0U) == 0x80U) ++n;
  return n;
}

// Within one name.
bool matches_name(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern.front() == '*') {
    for (std::size_t n = 0; n <= name.size(); ++n)
      if (matches_name(pattern.substr(1), name.substr(n))) return true;
    return false;
  }
  if (name.empty()) return false;
  if (pattern.front() == '?')
    return matches_name(pattern.substr(1), name.substr(character_size(name)));
  return pattern.front() == name.front() && matches_name(pattern.substr(1), name.substr(1));
}

// "**", "**/**", …
bool is_folders(std::string_view pattern) {
  while (pattern.starts_with("**/")) pattern.remove_prefix(3);
  return pattern == "**";
}

bool matches_path(std::string_view pattern, std::string_view path) {
  const auto slash = pattern.find('/');
  const auto name = pattern.substr(0, slash);
  const bool is_last = slash == std::string_view::npos;
  if (name == "**") {
    if (is_last) return true;
    const auto rest = pattern.substr(slash + 1);
    if (matches_path(rest, path)) return true;
    for (std::size_t at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1))
      if (matches_path(rest, path.substr(at + 1))) return true;
    return false;
  }
  const auto end = path.find('/');
  // Folders behind a name may be none.
  if (end == std::string_view::npos && !is_last && is_folders(pattern.substr(slash + 1)))
    return matches_name(name, path);
  if (!matches_name(name, path.substr(0, end))) return false;
  if (is_last) return end == std::string_view::npos;
  return end != std::string_view::npos &&
         matches_path(pattern.substr(slash + 1), path.substr(end + 1));
}

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto end = std::min(input.find('\n'), input.size());
  const auto pattern = input.substr(0, end);
  const auto path = input.substr(std::min(end + 1, input.size()));
  const auto problem = coe::glob_problem(pattern);
  if (!problem.empty()) {
    require(problem.find('\n') == std::string::npos);
    return 0;
  }
  const bool found = coe::Glob(pattern).matches(path);
  if (pattern.size() > kMostBytes || path.size() > kMostBytes) return 0;
  // Empty names and other bytes are for the engine of patterns to settle.
  if (!is_plain(pattern) || !is_plain(path) || path.empty() || path.find("//") != path.npos ||
      path.starts_with('/') || path.ends_with('/'))
    return 0;
  require(found == matches_path(pattern, path));
  return 0;
}
