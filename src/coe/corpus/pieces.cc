#include "coe/corpus/pieces.h"

#include "coe/base/lines.h"
#include "coe/base/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

// Returns the byte length of the first `n_chars` characters of `text`.
std::size_t bytes_of_chars(std::string_view text, std::uint64_t n_chars) {
  std::size_t i = 0;
  while (i < text.size()) {
    if (is_char_start(text[i]) && n_chars-- == 0) break;
    ++i;
  }
  return i;
}

// Returns where the piece that may not exceed `limit` bytes ends.
std::size_t cut_position(std::string_view text, std::size_t limit) {
  const std::array<std::vector<std::string_view>, 4> levels = {
      {{"\n\n"}, {"\n"}, {". ", "? ", "! "}, {" "}}};
  const std::string_view window = text.substr(0, limit);
  for (const auto& breaks : levels) {
    std::size_t best = 0;
    for (const auto mark : breaks) {
      const auto at = window.rfind(mark);
      if (at != std::string_view::npos) best = std::max(best, at + mark.size());
    }
    if (best > limit / 2) return best;
  }
  return limit;
}

std::string_view drop_blank_lines(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  const auto newline = text.rfind('\n', first);
  if (newline != std::string_view::npos) text.remove_prefix(newline + 1);
  return text;
}

}  // namespace

std::vector<std::string_view> split_text(std::string_view text, std::uint64_t max_chars) {
  std::vector<std::string_view> out;
  text = drop_blank_lines(text);
  while (!text.empty()) {
    std::size_t end = bytes_of_chars(text, max_chars);
    if (end < text.size()) end = cut_position(text, end);
    out.push_back(text.substr(0, end));
    text = drop_blank_lines(text.substr(end));
  }
  return out;
}

std::vector<Piece> cut_text(std::string text, const std::string& name, std::uint64_t max_chars) {
  std::vector<Piece> out;
  if (count_chars(text) <= max_chars) {
    out.push_back({std::move(text), name});
    return out;
  }
  const auto views = split_text(text, max_chars);
  for (std::size_t i = 0; i < views.size(); ++i) {
    std::string piece = tidy_text(views[i]);
    if (!piece.empty()) out.push_back({std::move(piece), fmt::format("{}#{}", name, i + 1)});
  }
  return out;
}

std::string tidy_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  LineReader lines(text);
  while (const auto line = lines.next()) {
    out += line->text;
    out += '\n';
  }
  if (!out.empty() && text.back() != '\n') out.pop_back();  // a byte order mark alone has no line
  const std::string_view body = drop_blank_lines(out);
  const auto last = body.find_last_not_of(" \t\r\n");
  if (last == std::string_view::npos) return {};
  const bool newline = body.find('\n', last) != std::string_view::npos;
  return std::string(body.substr(0, last + 1)) + (newline ? "\n" : "");
}

std::string wrap_text(std::string_view text, std::uint64_t width) {
  std::string out;
  out.reserve(text.size());
  std::uint64_t column = 0;
  bool indented = true;                   // only blanks so far in this line
  std::size_t blank = std::string::npos;  // its last blank after a word, in `out`
  for (const char c : text) {
    out += c;
    if (c == '\n') {
      column = 0;
      indented = true;
      blank = std::string::npos;
      continue;
    }
    if (is_char_start(c)) ++column;
    if (c != ' ') indented = false;
    if (c == ' ' && !indented) blank = out.size() - 1;
    if (column > width && blank != std::string::npos) {
      out[blank] = '\n';
      column = count_chars(std::string_view(out).substr(blank + 1));
      indented = column == 0;
      blank = std::string::npos;
    }
  }
  return out;
}

bool is_minified(std::string_view text) {
  constexpr std::uint64_t kLongestLine = 1000;
  constexpr std::uint64_t kLongestAverage = 120;
  std::uint64_t n_line = 0;
  std::uint64_t n_char = 0;
  LineReader lines(text);
  while (const auto line = lines.next()) {
    const std::uint64_t length = count_chars(line->text);
    if (length > kLongestLine) return true;
    n_char += length;
    ++n_line;
  }
  return n_char > kLongestAverage * n_line;
}

}  // namespace coe
