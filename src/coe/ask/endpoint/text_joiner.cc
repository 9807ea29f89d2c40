#include "coe/ask/endpoint/text_joiner.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

namespace {

constexpr std::size_t kClearRepeat = 8;     // bytes that a model hardly writes twice in a row
constexpr std::size_t kClearExtension = 4;  // … and begins its second piece with

// Says whether a text is so long, and more than blanks and marks.
bool is_clear(std::string_view text, std::size_t n_byte) {
  return text.size() >= n_byte && std::ranges::any_of(text, [](unsigned char c) {
           return c >= 0x80 || std::isalnum(c) != 0;
         });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") + 1 - first);
}

// Says whether a message says nothing that the text does not; servers trim their messages, and
// leave thinking out of them.
bool repeats(std::string_view text, std::string_view message) {
  return text.starts_with(message) || trimmed(text).ends_with(trimmed(message));
}

auto contradicts(std::string_view what) {
  return fail(Code::kEngine, "the server's reply: " + std::string(what));
}

}  // namespace

Result<std::string> TextJoiner::add(std::string_view piece) {
  if (piece.empty()) return std::string();
  if (form_ == Form::kPieces) return add_piece(piece);
  if (form_ == Form::kAccumulates) {
    if (!piece.starts_with(text_)) return contradicts("a text that accumulates has changed");
    std::string added(piece.substr(text_.size()));
    text_ = piece;
    return added;
  }
  if (n_piece_++ == 0) {
    text_ = joined_ = last_ = piece;
    return text_;
  }
  const bool resends = piece == last_ && n_extension_ > 0 && is_clear(last_, kClearRepeat);
  if (!resends && (piece == last_ || !piece.starts_with(last_))) {
    auto added = settle(Form::kPieces);
    added += add_piece(piece);
    return added;
  }
  const bool clear = ++n_extension_ > 1 && is_clear(last_, kClearExtension);
  joined_ += piece;
  last_ = piece;
  return clear ? settle(Form::kAccumulates) : std::string();
}

std::string TextJoiner::add_piece(std::string_view piece) {
  std::string added = std::exchange(repeat_, {});
  const bool may_repeat = added.empty() && piece == text_ && is_clear(text_, kClearRepeat);
  (may_repeat ? repeat_ : added) += piece;
  text_ += added;
  return added;
}

// Returns what of the pieces so far has not been returned.
std::string TextJoiner::settle(Form form) {
  form_ = form;
  const std::string& whole = form == Form::kPieces ? joined_ : last_;
  std::string added = whole.substr(text_.size());
  text_ += added;
  return added;
}

Result<std::string> TextJoiner::add_whole(std::string_view text) {
  if (text.empty()) return std::string();
  std::string added;
  if (form_ == Form::kUnknown && n_piece_ > 0) {
    const bool joins = text.starts_with(joined_) || repeats(joined_, text);
    added = settle(joins ? Form::kPieces : Form::kAccumulates);
  }
  form_ = form_ == Form::kUnknown ? Form::kPieces : form_;
  repeat_.clear();
  if (text.starts_with(text_)) {
    const auto rest = text.substr(text_.size());
    added += rest;
    text_ += rest;
  } else if (!repeats(text_, text)) {
    return contradicts("its message and the pieces before differ");
  }
  return added;
}

Status TextJoiner::check_beside(std::string_view text, std::string_view piece) const {
  const auto fits = [&](std::string_view whole) {
    return text.starts_with(whole) || repeats(whole, text);
  };
  const bool open = form_ == Form::kUnknown;
  if (text == piece || (open ? fits(last_) || fits(joined_) : fits(text_))) return {};
  return contradicts("a message and the piece beside it differ");
}

std::string TextJoiner::finish() {
  if (form_ != Form::kUnknown || n_piece_ == 0) return {};
  const auto first = std::string_view(joined_).substr(0, text_.size());
  const bool clear = n_extension_ > 0 && is_clear(first, n_extension_ > 1 ? 1 : kClearExtension);
  return settle(clear ? Form::kAccumulates : Form::kPieces);
}

}  // namespace coe
