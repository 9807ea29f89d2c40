#include "coe/corpus/message/thinking.h"

#include "coe/base/search.h"
#include "coe/base/text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

namespace {

constexpr std::size_t kNone = std::string_view::npos;
constexpr std::size_t kMostUnknown = 8;

// gpt-oss writes messages: <|start|>assistant<|channel|>analysis<|message|>…<|end|>
constexpr std::string_view kChannel = "<|channel|>";
constexpr std::string_view kMessage = "<|message|>";
constexpr std::string_view kStart = "<|start|>";
constexpr std::string_view kEnd = "<|end|>";

void add_part(std::string& to, std::string_view part) {
  part = trimmed(part);
  if (part.empty()) return;
  if (!to.empty()) to += '\n';
  to += part;
}

bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::size_t name_length(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::find_if_not(text, is_name) - text.begin());
}

// Returns the marker that `text` begins with, and the name of its channel: "<|im_start|>",
// "<|channel>plan", "<channel|>".
std::string_view marker_at(std::string_view text) {
  const bool opens = text.starts_with("<|");
  const std::size_t first = opens ? 2 : 1;
  std::size_t end = first + name_length(text.substr(first));
  if (end == first) return {};
  const bool closes = text.substr(end).starts_with("|>");
  if (!closes && !(opens && text.substr(end).starts_with(">"))) return {};
  const bool names_channel = opens && text.substr(first, end - first) == "channel";
  end += closes ? 2 : 1;
  if (names_channel) end += name_length(text.substr(end));
  return text.substr(0, end);
}

std::vector<std::string> unknown_markers(std::string_view content) {
  std::vector<std::string> out;
  for (auto at = content.find('<'); at != kNone && out.size() < kMostUnknown;
       at = content.find('<', at + 1)) {
    const auto marker = marker_at(content.substr(at));
    if (!marker.empty() && std::ranges::find(out, marker) == out.end()) out.emplace_back(marker);
  }
  return out;
}

// Returns the name in "<name>", "[name]" or "<|name|>" at the beginning of `text`, with what is
// around it; empty when there is none.
std::string_view leading_tag(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  text.remove_prefix(first);
  if (text.front() != '<' && text.front() != '[') return {};
  constexpr std::size_t kLongest = 40;
  const std::size_t end = text.substr(0, kLongest).find(text.front() == '<' ? '>' : ']');
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end + 1);
}

// What one pair of markers, or several with the same start, part.
ThinkingSplit split_blocks(std::string_view text, std::string_view start,
                           std::span<const std::string_view> ends) {
  ThinkingSplit out;
  std::size_t at = 0;
  const std::array starts = {start};
  const FoundMarker opened = find_marker(text, 0, ends);
  if (opened.begin < text.find(start) && unknown_markers(text.substr(0, opened.begin)).empty()) {
    add_part(out.thinking, text.substr(0, opened.begin));
    at = opened.end;
  }
  while (at < text.size()) {
    const FoundMarker open = find_marker(text, at, starts);
    add_part(out.content, text.substr(at, open.begin == kNone ? kNone : open.begin - at));
    if (open.begin == kNone) break;
    const FoundMarker end = find_marker(text, open.end, ends);
    add_part(out.thinking,
             text.substr(open.end, end.begin == kNone ? kNone : end.begin - open.end));
    at = end.end == kNone ? text.size() : end.end;
  }
  return out;
}

// The header that opens the model's turn says nothing.
std::string_view without_opening(std::string_view text) {
  const auto start = text.rfind(kStart);
  const bool opens = start != kNone && trimmed(text.substr(start + kStart.size())) == "assistant";
  return opens ? text.substr(0, start) : text;
}

ThinkingSplit split_channels(std::string_view text) {
  static constexpr std::array kStops = {kEnd, std::string_view("<|return|>"),
                                        std::string_view("<|call|>")};
  static constexpr std::array kNexts = {kStart, kChannel};
  ThinkingSplit out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t channel = text.find(kChannel, at);
    auto before = text.substr(at, channel == kNone ? kNone : channel - at);
    // A message whose head the prompt had written.
    if (const auto end = before.find(kEnd); end != kNone && at == 0) {
      add_part(out.thinking, before.substr(0, end));
      before.remove_prefix(end + kEnd.size());
    }
    add_part(out.content, channel == kNone ? before : without_opening(before));
    if (channel == kNone) break;
    const std::size_t message = text.find(kMessage, channel);
    const std::size_t body = message == kNone ? kNone : message + kMessage.size();
    auto name = text.substr(channel + kChannel.size(),
                            message == kNone ? kNone : message - channel - kChannel.size());
    name = trimmed(name);
    const FoundMarker stop = find_marker(text, std::min(body, text.size()), kStops);
    const FoundMarker next = find_marker(text, std::min(body, text.size()), kNexts);
    const std::size_t end = std::min({stop.begin, next.begin, text.size()});
    at = stop.begin == end ? stop.end : end;
    if (body != kNone && name == "analysis")
      add_part(out.thinking, text.substr(body, end - body));
    else if (body != kNone && name == "final")
      add_part(out.content, text.substr(body, end - body));
    else  // kept with its marker, which is then unknown
      add_part(out.content, text.substr(channel, end - channel));
  }
  return out;
}

// Where the pair's first marker stands. An end alone ends what the prompt had opened, but not what
// a marker opened that is not known.
std::size_t block_at(std::string_view text, const ThinkingMarkers& pair) {
  const std::size_t start = text.find(pair.start);
  const std::size_t end = text.find(pair.end);
  if (end < start && !unknown_markers(text.substr(0, end)).empty()) return start;
  return std::min(start, end);
}

void add_unknown(std::string_view marker, std::vector<std::string>& to) {
  if (!marker.empty() && to.size() < kMostUnknown && std::ranges::find(to, marker) == to.end())
    to.emplace_back(marker);
}

}  // namespace

bool sounds_like_thinking(std::string_view name) {
  const std::string low = lower_ascii(name);
  constexpr std::array<std::string_view, 6> kStems = {"think",   "thought", "reason",
                                                      "scratch", "reflect", "monolog"};
  return std::ranges::any_of(
      kStems, [&](std::string_view stem) { return low.find(stem) != std::string::npos; });
}

std::string_view thinking_tag(std::string_view text) {
  const auto tag = leading_tag(text);
  return sounds_like_thinking(tag) ? tag : std::string_view();
}

const std::vector<ThinkingMarkers>& known_thinking_markers() {
  static const std::vector<ThinkingMarkers> known = {
      {"<think>", "</think>"},
      {"<thinking>", "</thinking>"},
      {"<|channel>thought", "<channel|>"},
      {"[THINK]", "[/THINK]"},
      {"<seed:think>", "</seed:think>"},
      {"<|begin_of_thought|>", "<|end_of_thought|>"}};
  return known;
}

ThinkingSplit split_thinking(std::string_view text, std::span<const ThinkingMarkers> markers) {
  ThinkingSplit out;
  const bool has_channels = !markers.empty() && text.find(kMessage) != kNone;
  std::size_t first = markers.empty() ? 0 : has_channels ? text.find(kChannel) : kNone;
  std::string_view start;
  std::vector<std::string_view> ends;
  for (const auto& pair : markers) {
    const std::size_t at = block_at(text, pair);
    if (at != kNone && pair.start == start) ends.push_back(pair.end);
    if (at >= first) continue;
    first = at;
    start = pair.start;
    ends = {pair.end};
  }
  if (!ends.empty())
    out = split_blocks(text, start, ends);
  else if (has_channels && first != kNone)
    out = split_channels(text);
  else
    add_part(out.content, text);
  out.unknown = unknown_markers(out.content);
  if (markers.empty()) return out;
  // Another spelling of a marker, and ends that no block was left to have.
  add_unknown(thinking_tag(out.content), out.unknown);
  for (const auto& pair : markers)
    if (out.content.find(pair.end) != kNone) add_unknown(pair.end, out.unknown);
  return out;
}

}  // namespace coe
