// Lines of a text that is in memory, numbered from 1, without their "\n" or "\r\n". A UTF-8 byte
// order mark at the start is passed over.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace coe {

struct Line {
  std::string_view text;
  std::uint64_t number = 0;
  bool blank() const { return text.find_first_not_of(" \t\r") == std::string_view::npos; }
};

class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (rest_.substr(0, kByteOrderMark.size()) == kByteOrderMark)
      rest_.remove_prefix(kByteOrderMark.size());
  }

  std::optional<Line> next() {
    if (rest_.empty()) return std::nullopt;
    const auto end = rest_.find('\n');
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return Line{line, ++number_};
  }

 private:
  std::string_view rest_;
  std::uint64_t number_ = 0;
};

}  // namespace coe
