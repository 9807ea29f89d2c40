// Splits thinking from answer while a model writes, and leaves the markers out. segment_roles()
// says the same of the whole.
#pragma once

#include "coe/engine/chat.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct WrittenPart {
  bool thinking = false;
  std::string text;  // not empty
  bool operator==(const WrittenPart&) const = default;
};

class ThinkingStream {
 public:
  // `prompt` is the text that the model goes on from: a template may have opened a block there.
  // `markup` must outlive it.
  ThinkingStream(const ChatMarkup& markup, std::string_view prompt);

  // Returns what is certain by now. What may be the beginning of a marker waits for the next piece,
  // white space for what follows it: at the edges of blocks there is none.
  std::vector<WrittenPart> take(std::string_view piece);
  // Returns what is left when the text ends.
  std::vector<WrittenPart> end();
  // Markers that began or ended nothing, which are left out, too.
  std::size_t n_stray() const { return n_stray_; }

 private:
  void write(std::string_view text, std::vector<WrittenPart>& out);
  void split(std::vector<WrittenPart>& out);

  const ChatMarkup& markup_;
  std::vector<std::string_view> markers_;
  std::size_t n_stray_ = 0;
  bool thinking_ = false;
  bool begun_ = false;  // the block has text already
  std::string kept_;
};

}  // namespace coe
