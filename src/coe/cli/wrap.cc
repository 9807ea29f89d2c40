#include "coe/cli/wrap.h"

#include "coe/base/utf8.h"

#include <algorithm>

namespace coe::cli {
namespace {

constexpr std::string_view kComment = "# ";

std::size_t width_of(std::string_view text) { return static_cast<std::size_t>(count_chars(text)); }

// Where the words of a line begin that go on below themselves, in bytes.
std::size_t start_of_words(std::string_view line, std::size_t columns) {
  const auto first = std::min(line.find_first_not_of(' '), line.size());
  auto start = first;
  for (auto gap = line.find("  ", first); gap != std::string_view::npos;
       gap = line.find("  ", start)) {
    const auto next = line.find_first_not_of(' ', gap);
    if (next == std::string_view::npos) break;
    if (width_of(line.substr(0, next)) + kLeastRoom > columns) break;
    start = next;
  }
  return start;
}

}  // namespace

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines(1);
  std::size_t used = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(" \n"), text.size());
    const auto word = text.substr(0, end);
    const bool is_end = end < text.size() && text[end] == '\n';
    text.remove_prefix(std::min(text.size(), end + 1));
    if (!word.empty()) {
      if (used > 0 && used + 1 + width_of(word) > width) {
        lines.emplace_back();
        used = 0;
      }
      if (used > 0) lines.back() += " ";
      lines.back() += word;
      used += width_of(word) + (used > 0 ? 1 : 0);
    }
    if (is_end) {
      lines.emplace_back();
      used = 0;
    }
  }
  return lines;
}

std::string fit_lines(std::string_view text, std::size_t columns) {
  std::string out;
  bool in_commands = false;
  while (true) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    const auto first = std::min(line.find_first_not_of(' '), line.size());
    const bool is_comment = line.substr(first).starts_with(kComment);
    in_commands = !line.substr(first).empty() && (in_commands || is_comment);
    const bool is_command =
        (in_commands && !is_comment) || line.substr(first).starts_with("next: ");
    if (is_command || width_of(line) <= columns) {
      out += line;
    } else {
      const auto start = is_comment ? first + kComment.size() : start_of_words(line, columns);
      const auto column = width_of(line.substr(0, start));
      const auto room = columns > column + kLeastRoom ? columns - column : kLeastRoom;
      const auto margin =
          is_comment ? std::string(line.substr(0, start)) : std::string(column, ' ');
      const auto lines = wrapped(line.substr(start), room);
      out += line.substr(0, start);
      for (std::size_t i = 0; i < lines.size(); ++i)
        out += i == 0 ? lines[i] : "\n" + margin + lines[i];
    }
    if (end == text.size()) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

}  // namespace coe::cli
