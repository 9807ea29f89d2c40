// Everything the command line says: results on stdout, all else on stderr.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace coe::cli {

// A progress bar on a terminal; elsewhere a plain line each 10 % or 30 s, and none in the first two
// seconds.
class ConsoleObserver : public Observer {
 public:
  void configure(bool quiet, bool verbose);
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total,
                std::string_view unit) override;
  void warning(std::string_view message) override;
  bool cancelled() override;
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
  Clock::time_point stage_start_;
  Clock::time_point last_draw_;
  int last_tenth_ = 0;
};

// Ctrl-C once sets cancelled(); a second one ends the process at once.
void install_interrupt_handler();

// Writes to stdout. A reader that went away (broken pipe) ends the process quietly with 0; a full
// disk behind a redirection is an error.
Status print(std::string_view text);

// Writes to stderr. What cannot be written there is dropped: an error output on a full disk must
// not change what the command does or returns.
void print_stderr(std::string_view text);

// A message's first 2,000 bytes: a file may put any number into it.
std::string_view shortened(std::string_view message);

void print_error(const Error& error);

}  // namespace coe::cli
