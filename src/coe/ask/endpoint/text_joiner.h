// This joins the pieces of a streamed text, of servers too that send what they have sent before:
// all of the text so far in each piece, or the whole once more at the end.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coe {

// A text is taken to accumulate when a piece begins with all of the one before, twice, or once if
// that piece was of some length and no other follows. Until that is clear pieces are held back,
// which is at most a few: what a model writes hardly ever begins so.
class TextJoiner {
 public:
  // Returns the new text, which may be empty. Errors: kEngine when a text that accumulates changes.
  Result<std::string> add(std::string_view piece);
  // A message that stands beside pieces, or comes after them, holds the whole text, or what of it
  // has been sent. Returns what of it is new. Errors: kEngine when it contradicts the pieces.
  Result<std::string> add_whole(std::string_view text);
  // As add_whole, of a message beside `piece`, which has been added and alone counts.
  Status check_beside(std::string_view text, std::string_view piece) const;
  // The text is complete. Returns what of it was held back.
  std::string finish();

 private:
  enum class Form : std::uint8_t { kUnknown, kPieces, kAccumulates };

  std::string add_piece(std::string_view piece);
  std::string settle(Form form);

  Form form_ = Form::kUnknown;
  std::string text_;         // that add() and the others have returned
  std::size_t n_piece_ = 0;  // that are not empty
  // While the form is unknown.
  std::string joined_;           // the pieces, one after the other
  std::string last_;             // the last one, which begins with all that came before it
  std::size_t n_extension_ = 0;  // pieces that added to the one before
  // With kPieces: a piece that equals all of the text before it, until another follows.
  std::string repeat_;
};

}  // namespace coe
