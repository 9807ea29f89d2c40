// Everything the command line says: results on stdout, all else on stderr.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe::cli {

// A progress bar on a terminal; elsewhere a plain line each 10 % or 30 s, and none in the first two
// seconds.
class ConsoleObserver : public Observer {
 public:
  void configure(bool quiet, bool verbose);
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total,
                std::string_view unit) override;
  void warning(std::string_view message) override;
  // What people want to know before the work goes on, and need do nothing about: one line.
  void note(std::string_view message);
  bool cancelled() override;
  // Names the part of the work that begins, as "3 of 8", which stands before its progress; on a
  // terminal it is shown at once. Empty texts: there are no parts any more.
  void part(std::string_view number, std::string_view name);
  // Forgets a Ctrl-C that stopped a part of the work, and returns whether there was one. What ends
  // the process (SIGTERM) is not forgotten.
  static bool take_interrupt();
  // Removes a bar that is still on the screen; before any other output.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(std::uint64_t done, std::uint64_t total, std::string_view unit);

  bool quiet_ = false;
  bool bar_ = false;
  bool bar_shown_ = false;
  std::string stage_;
  std::string part_;  // "3 of 8 ", or empty
  Clock::time_point stage_start_;
  Clock::time_point last_draw_;
  int last_tenth_ = 0;
};

// A line that says how far work is.
struct ProgressLine {
  std::string head;                     // what is done
  double share = 0.0;                   // of it that is done
  std::vector<std::string> facts = {};  // the most important first
};
// As many facts as fit into `columns`, and a bar where there is room left for one.
std::string progress_line(const ProgressLine& line, std::size_t columns);

enum class Colors { kAuto, kAlways, kNever };
// Decides for standard error. kAuto follows NO_COLOR, CLICOLOR and CLICOLOR_FORCE
// (https://no-color.org, https://bixense.com/clicolors), and else whether it is a terminal.
void set_colors(Colors colors);

// The text as this process's output can show it: on a terminal whose locale is not UTF-8 the
// arrows, signs and letters that coe prints become ASCII, what has no such form a question mark.
std::string for_terminal(std::string_view text, bool is_utf8);

// The columns of the terminal that standard output is; nullopt where it is none.
std::optional<std::size_t> output_columns();

// Ctrl-C once sets cancelled(); a second one ends the process at once.
void install_interrupt_handler();

// Writes to stdout. A reader that went away (broken pipe) ends the process quietly with 0; a full
// disk behind a redirection is an error.
Status print(std::string_view text);

// The same for what people read: lines that are too long for the terminal end between words.
Status print_words(std::string_view text);

// Writes to stderr. What cannot be written there is dropped: an error output on a full disk must
// not change what the command does or returns.
void print_stderr(std::string_view text);

// A message's first 2,000 bytes: a file may put any number into it.
std::string_view shortened(std::string_view message);

void print_error(const Error& error);

}  // namespace coe::cli
