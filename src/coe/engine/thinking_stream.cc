#include "coe/engine/thinking_stream.h"

#include "coe/base/search.h"

#include <algorithm>
#include <cstddef>

namespace coe {

namespace {

constexpr std::string_view kBlank = " \t\r\n";

// The length of the longest end of `text` with which one of the markers begins.
std::size_t begun_marker(std::string_view text, const std::vector<std::string_view>& markers) {
  std::size_t longest = 0;
  for (const auto marker : markers) {
    const std::size_t most = std::min(text.size(), marker.size() - 1);
    for (std::size_t n = most; n > longest; --n)
      if (marker.starts_with(text.substr(text.size() - n))) longest = n;
  }
  return longest;
}

}  // namespace

ThinkingStream::ThinkingStream(const ChatMarkup& markup, std::string_view prompt)
    : markup_(markup) {
  if (markup.thinking_ends.empty()) return;
  if (!markup.thinking_start.empty()) markers_.emplace_back(markup.thinking_start);
  for (const auto& end : markup.thinking_ends)
    if (!end.empty()) markers_.emplace_back(end);
  const auto last = prompt.find_last_not_of(kBlank);
  const auto opened = prompt.substr(0, last == std::string_view::npos ? 0 : last + 1);
  // Without a start marker thinking begins with the turn.
  thinking_ = opened.ends_with(markup.thinking_start);
}

void ThinkingStream::write(std::string_view text, std::vector<WrittenPart>& out) {
  if (!begun_) text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  if (text.empty()) return;
  begun_ = true;
  if (!out.empty() && out.back().thinking == thinking_)
    out.back().text += text;
  else
    out.push_back({thinking_, std::string(text)});
}

void ThinkingStream::split(std::vector<WrittenPart>& out) {
  while (true) {
    const auto found = find_marker(kept_, 0, markers_);
    if (found.begin == std::string_view::npos) return;
    const auto marker = kept_.substr(found.begin, found.end - found.begin);
    const bool switches = thinking_ != (marker == markup_.thinking_start);
    const auto before = std::string_view(kept_).substr(0, found.begin);
    write(switches ? before.substr(0, before.find_last_not_of(kBlank) + 1) : before, out);
    kept_.erase(0, found.end);
    if (!switches) {
      ++n_stray_;
      continue;
    }
    thinking_ = !thinking_;
    begun_ = false;
  }
}

std::vector<WrittenPart> ThinkingStream::take(std::string_view piece) {
  std::vector<WrittenPart> out;
  kept_ += piece;
  split(out);
  std::size_t sure = kept_.size() - begun_marker(kept_, markers_);
  sure = std::string_view(kept_).substr(0, sure).find_last_not_of(kBlank) + 1;
  write(std::string_view(kept_).substr(0, sure), out);
  kept_.erase(0, sure);
  return out;
}

std::vector<WrittenPart> ThinkingStream::end() {
  std::vector<WrittenPart> out;
  write(std::string_view(kept_).substr(0, kept_.find_last_not_of(kBlank) + 1), out);
  kept_.clear();
  return out;
}

}  // namespace coe
