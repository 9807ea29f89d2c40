// Reads what a person types: lines with editing and history on a terminal (libedit), plain lines
// elsewhere.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace coe::cli {

class LineEditor {
 public:
  LineEditor();
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  bool on_terminal() const { return terminal_ != nullptr; }
  // The next turn: one line; on a terminal all lines that were pasted together, or what stands
  // between two lines of """. nullopt: the input has ended. An interrupted line is empty.
  std::optional<std::string> next();

 private:
  struct Terminal;
  std::unique_ptr<Terminal> terminal_;  // null elsewhere
};

}  // namespace coe::cli
