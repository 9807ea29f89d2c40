#include "coe/engine/roles.h"

#include "coe/base/result.h"
#include "coe/base/search.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

constexpr std::size_t kNone = std::string_view::npos;
constexpr std::string_view kWhiteSpace = " \t\r\n";

bool blank(std::string_view text) { return text.find_first_not_of(kWhiteSpace) == kNone; }

class Segmenter {
 public:
  Segmenter(std::span<const TokenText> tokens, const ChatMarkup& markup,
            const SegmentOptions& options)
      : tokens_(tokens), markup_(markup), options_(options) {
    begins_.reserve(tokens.size());
    for (const auto& token : tokens) {
      begins_.push_back(text_.size());
      text_ += token.text;
    }
    generates_ = options.first_generated <= tokens.size();
  }

  Segments run() {
    out_.roles.assign(tokens_.size(), Role::kPrompt);
    if (generates_)
      segment_generated();
    else
      segment_chat();
    return std::move(out_);
  }

 private:
  struct TurnEnd {
    std::size_t at = 0;
    bool resumed = false;  // by another turn of the model, nothing between
  };

  // Index of the first token that begins at `at` or later.
  std::size_t token_at(std::size_t at) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(begins_, at) - begins_.begin());
  }

  TurnEnd end_of_turn(std::size_t begin) const {
    const std::size_t again = find_marker(text_, begin, markup_.model_turns).begin;
    const std::size_t other = find_marker(text_, begin, markup_.other_turns).begin;
    const std::size_t next = std::min({again, other, text_.size()});
    for (std::size_t i = token_at(begin); i < tokens_.size() && begins_[i] < next; ++i) {
      if (tokens_[i].ends_turn) return {begins_[i] + tokens_[i].text.size(), false};
    }
    return {next, again < other};
  }

  void segment_chat() {
    FoundMarker opening = find_marker(text_, 0, markup_.model_turns);
    bool resumes = false;
    bool answered = false;
    while (opening.begin != kNone) {
      const auto [turn_end, resumed] = end_of_turn(opening.end);
      if (resumes) paint(opening.begin, opening.end, Role::kAnswer);
      answered = segment_turn(opening.end, turn_end) || (resumes && answered);
      if (!resumed) {
        ++out_.n_turn;
        if (!answered) ++out_.n_answer_empty;
      }
      resumes = resumed;
      opening = find_marker(text_, turn_end, markup_.model_turns);
    }
  }

  // All that the model wrote is one turn. A template may have opened a thinking block for it.
  void segment_generated() {
    const std::size_t generated = options_.first_generated < tokens_.size()
                                      ? begins_[options_.first_generated]
                                      : text_.size();
    const auto prompt = std::string_view(text_).substr(0, generated);
    const auto opened = prompt.substr(0, prompt.find_last_not_of(kWhiteSpace) + 1);
    const bool thinks = !markup_.thinking_start.empty() && opened.ends_with(markup_.thinking_start);
    const std::size_t begin = thinks ? opened.size() - markup_.thinking_start.size() : generated;
    out_.n_turn = 1;
    if (!segment_turn(begin, text_.size())) ++out_.n_answer_empty;
    std::fill_n(out_.roles.begin(), options_.first_generated, Role::kPrompt);
  }

  void paint(std::size_t begin, std::size_t end, Role role) {
    const std::size_t last = token_at(end);
    for (std::size_t i = token_at(begin); i < last; ++i) out_.roles[i] = role;
  }

  // Returns what the model wrote in [begin, end).
  void keep(std::size_t begin, std::size_t end, std::string& kept) const {
    const auto part = trimmed(std::string_view(text_).substr(begin, end - begin));
    if (!generates_ || part.empty()) return;
    if (!kept.empty()) kept += '\n';
    kept += part;
  }

  // Returns whether there is an answer in it.
  bool segment_turn(std::size_t begin, std::size_t end) {
    const std::string_view turn = std::string_view(text_).substr(0, end);
    paint(begin, end, Role::kAnswer);
    // The token that ends the turn is no text of an answer.
    std::size_t text_end = end;
    const std::size_t last = token_at(end);
    if (last > 0 && tokens_[last - 1].ends_turn) text_end = begins_[last - 1];
    bool answered = false;
    std::size_t at = skip_closed_block(turn, begin);
    const auto answer = [&](std::size_t to) {
      if (to <= at) return;
      answered = answered || !blank(turn.substr(at, to - at));
      keep(at, to, out_.answer);
    };
    while (at < end) {
      const FoundMarker start = start_of_thinking(turn, at, begin);
      if (start.begin == kNone) break;
      answer(start.begin);
      at = segment_block(turn, start);
    }
    answer(text_end);
    return answered;
  }

  // Some templates switch thinking off with a lone end marker. Returns where the turn goes on.
  std::size_t skip_closed_block(std::string_view turn, std::size_t begin) {
    if (generates_ || markup_.thinking_ends.empty()) return begin;
    const FoundMarker stop = find_marker(turn, begin, std::span(markup_.thinking_ends.data(), 1));
    if (stop.begin == kNone || !blank(turn.substr(begin, stop.begin - begin))) return begin;
    paint(begin, stop.end, Role::kPrompt);
    return stop.end;
  }

  FoundMarker start_of_thinking(std::string_view turn, std::size_t at,
                                std::size_t turn_begin) const {
    if (markup_.thinking_ends.empty()) return {};
    if (!markup_.thinking_start.empty())
      return find_marker(turn, at, std::span(&markup_.thinking_start, 1));
    if (at != turn_begin) return {};
    const bool ends = find_marker(turn, at, markup_.thinking_ends).begin != kNone;
    return ends || generates_ ? FoundMarker{at, at} : FoundMarker{};
  }

  // Returns where the block ends.
  std::size_t segment_block(std::string_view turn, FoundMarker start) {
    const FoundMarker stop = find_marker(turn, start.end, markup_.thinking_ends);
    keep(start.end, std::min(stop.begin, turn.size()), out_.thinking);
    if (stop.begin == kNone) {
      paint(start.begin, turn.size(), Role::kThinking);
      ++out_.n_thinking;
      ++out_.n_thinking_open;
      return turn.size();
    }
    if (blank(turn.substr(start.end, stop.begin - start.end))) {
      paint(start.begin, stop.end, generates_ ? Role::kThinking : Role::kPrompt);
      return stop.end;
    }
    paint(start.begin, stop.end, Role::kThinking);
    const std::size_t last = token_at(stop.begin);
    const std::size_t first = token_at(start.end);
    const std::size_t n = std::min<std::size_t>(options_.closing_window, last - first);
    std::fill_n(out_.roles.begin() + static_cast<std::ptrdiff_t>(last - n), n, Role::kClosing);
    ++out_.n_thinking;
    return stop.end;
  }

  std::span<const TokenText> tokens_;
  const ChatMarkup& markup_;
  const SegmentOptions& options_;
  std::string text_;
  std::vector<std::size_t> begins_;  // where each token's text begins
  bool generates_ = false;
  Segments out_;
};

}  // namespace

std::string_view role_name(Role role) {
  switch (role) {
    case Role::kPrompt:
      return "prompt";
    case Role::kThinking:
      return "thinking";
    case Role::kClosing:
      return "closing";
    case Role::kAnswer:
      break;
  }
  return "answer";
}

std::size_t Segments::count(Role role) const {
  return static_cast<std::size_t>(std::ranges::count(roles, role));
}

Segments segment_roles(std::span<const TokenText> tokens, const ChatMarkup& markup,
                       const SegmentOptions& options) {
  return Segmenter(tokens, markup, options).run();
}

void RoleFilter::on_routing(const LayerRouting& routing) {
  COE_CHECK(std::size_t{routing.first_token} + routing.n_token <= roles_.size());
  const auto roles = roles_.subspan(routing.first_token, routing.n_token);
  for (std::size_t first = 0; first < roles.size(); ++first) {
    std::size_t end = first;
    while (end < roles.size() && roles[end] == role_) ++end;
    const std::size_t n = end - first;
    if (n == 0) continue;
    to_.on_routing(
        routing.of_tokens(static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(n)));
    first = end;
  }
}

}  // namespace coe
