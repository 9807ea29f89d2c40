#include "coe/cli/console.h"

#include "coe/base/file.h"
#include "coe/base/printable.h"
#include "coe/base/text.h"
#include "coe/base/utf8.h"
#include "coe/cli/exit_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

namespace coe::cli {

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set from a signal handler");

// How long a wish to end may go unheard, and how long what was begun may take to end in order.
constexpr unsigned kUnheardSeconds = 2;
constexpr unsigned kOrderlySeconds = 60;
std::atomic<bool> heard{false};
std::atomic<bool> must_end{false};

void on_interrupt(int signal) {
  if (signal != SIGINT) must_end = true;
  if (interrupted.exchange(true)) ::_exit(kExitInterrupted);
  ::alarm(kUnheardSeconds);
}

void on_alarm(int /*signal*/) { ::_exit(kExitInterrupted); }

std::string duration_text(double seconds) {
  const long s = std::lround(seconds);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string count_text(std::uint64_t count, std::string_view unit) {
  if (unit == "bytes") return fmt::format("{:.0f} MB", static_cast<double>(count) / 1e6);
  return fmt::format("{}", count);
}

bool colors_on = false;

// A label of a message in a colour that says what it is.
std::string label(std::string_view text, std::string_view code) {
  return colors_on ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}
constexpr std::string_view kRed = "1;31";
constexpr std::string_view kYellow = "1;33";
constexpr std::string_view kCyan = "1;36";

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// By the variables that decide it, in their order.
bool locale_is_utf8() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (!is_set(variable)) continue;
    const auto value = lower_ascii(std::getenv(variable));
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return true;  // nobody said; terminals of today are
}

bool needs_ascii(int fd) { return ::isatty(fd) == 1 && !locale_is_utf8(); }

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

void set_colors(Colors colors) {
  const bool wanted =
      is_set("CLICOLOR_FORCE") && std::strcmp(std::getenv("CLICOLOR_FORCE"), "0") != 0;
  const char* clicolor = std::getenv("CLICOLOR");
  const bool unwanted =
      is_set("NO_COLOR") || (clicolor != nullptr && std::strcmp(clicolor, "0") == 0);
  const char* term = std::getenv("TERM");
  const bool can =
      ::isatty(STDERR_FILENO) == 1 && (term == nullptr || std::strcmp(term, "dumb") != 0);
  colors_on = colors == Colors::kAlways ||
              (colors == Colors::kAuto && (wanted || (can && !unwanted)) && !is_set("NO_COLOR"));
}

std::optional<std::size_t> output_columns() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 1 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
      size.ws_col > 0)
    return size.ws_col;
  return std::nullopt;
}

std::string for_terminal(std::string_view text, bool is_utf8) {
  if (is_utf8) return std::string(text);
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kPlain = {
      {{"→", "->"},
       {"×", "x"},
       {"…", "..."},
       {"≥", ">="},
       {"≤", "<="},
       {"·", "-"},
       {"–", "-"},
       {"—", "-"},
       {"‘", "'"},
       {"’", "'"},
       {"“", "\""},
       {"”", "\""}}};
  std::string out;
  while (!text.empty()) {
    const auto* const known = std::ranges::find_if(
        kPlain, [&](const auto& pair) { return text.starts_with(pair.first); });
    if (known != kPlain.end()) {
      out += known->second;
      text.remove_prefix(known->first.size());
      continue;
    }
    const bool is_plain = static_cast<unsigned char>(text.front()) < 0x80;
    std::size_t length = 1;
    while (!is_plain && length < text.size() && !is_char_start(text[length])) ++length;
    out += is_plain ? text.substr(0, 1) : "?";
    text.remove_prefix(length);
  }
  return out;
}

void install_interrupt_handler() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = on_alarm;
  ::sigaction(SIGALRM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // print() sees EPIPE instead
  ::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error of write(), not a core dump
}

void ConsoleObserver::configure(bool quiet, bool verbose) {
  quiet_ = quiet;
  const char* term = std::getenv("TERM");
  bar_ = !quiet && !verbose && ::isatty(STDERR_FILENO) == 1 &&
         std::getenv("COE_NO_PROGRESS") == nullptr &&
         (term == nullptr || std::strcmp(term, "dumb") != 0);
}

void ConsoleObserver::progress(std::string_view stage, std::uint64_t done, std::uint64_t total,
                               std::string_view unit) {
  if (quiet_) return;
  const auto now = Clock::now();
  if (stage != stage_) {
    clear();
    stage_ = stage;
    stage_start_ = now;
    last_draw_ = now;
    last_tenth_ = 0;
  }
  if (bar_) {
    if (done < total && bar_shown_ && now - last_draw_ < std::chrono::milliseconds(100)) return;
    last_draw_ = now;
    draw(done, total, unit);
    if (done >= total) clear();
    return;
  }
  const int tenth = total == 0 ? 10 : static_cast<int>(done * 10 / total);
  if (now - stage_start_ < std::chrono::seconds(2)) return;
  if (tenth <= last_tenth_ && now - last_draw_ < std::chrono::seconds(30)) return;
  last_tenth_ = tenth;
  last_draw_ = now;
  print_stderr(fmt::format("{}: {} of {} {}\n", stage_, count_text(done, unit),
                           count_text(total, unit), unit == "bytes" ? "" : unit));
}

void ConsoleObserver::draw(std::uint64_t done, std::uint64_t total, std::string_view unit) {
  const double share = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
  const double elapsed = std::chrono::duration<double>(Clock::now() - stage_start_).count();
  std::string tail = fmt::format(" {:3.0f} %  {}", share * 100, count_text(done, unit));
  if (unit != "bytes") tail += fmt::format(" {}", unit);
  if (elapsed > 1.0 && done > 0) {
    const double rate = static_cast<double>(done) / elapsed;
    tail += unit == "bytes" ? fmt::format("  {:.0f} MB/s", rate / 1e6)
                            : fmt::format("  {:.0f}/s", rate);
    if (done < total)
      tail += fmt::format("  {} left", duration_text(static_cast<double>(total - done) / rate));
  }
  const std::string head = fmt::format("{}{:<12}", part_, stage_);
  const std::size_t room = terminal_width();
  const std::size_t used = head.size() + tail.size() + 3;
  const std::size_t width = room > used + 8 ? std::min<std::size_t>(30, room - used) : 8;
  const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
  std::string line =
      head + "[" + std::string(full, '#') + std::string(width - full, '.') + "]" + tail;
  if (line.size() >= room) line.resize(room - 1);
  print_stderr(fmt::format("\r\x1b[K{}", line));
  std::fflush(stderr);
  bar_shown_ = true;
}

void ConsoleObserver::part(std::string_view number, std::string_view name) {
  clear();
  part_ = number.empty() ? std::string() : fmt::format("{}  ", number);
  stage_.clear();
  if (!bar_ || name.empty()) return;
  print_stderr(fmt::format("\r\x1b[K{}{}", part_, name));
  std::fflush(stderr);
  bar_shown_ = true;
}

void ConsoleObserver::clear() {
  if (!bar_shown_) return;
  print_stderr("\r\x1b[K");
  std::fflush(stderr);
  bar_shown_ = false;
}

void ConsoleObserver::warning(std::string_view message) {
  if (quiet_) return;
  clear();
  print_stderr(fmt::format("{} {}\n", label("warning:", kYellow), printable_lines(message)));
}

void ConsoleObserver::note(std::string_view message) {
  if (quiet_) return;
  clear();
  print_stderr(fmt::format("{}\n", printable_lines(message)));
}

bool ConsoleObserver::cancelled() {
  if (!interrupted.load()) return false;
  if (!heard.exchange(true)) ::alarm(kOrderlySeconds);
  return true;
}

bool ConsoleObserver::take_interrupt() {
  if (must_end || !interrupted) return false;
  ::alarm(0);
  heard = false;
  interrupted = false;
  return true;
}

Status print(std::string_view text) {
  std::fflush(stdout);
  std::string plain;
  if (needs_ascii(STDOUT_FILENO)) text = plain = for_terminal(text, false);
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) std::exit(0);
      return tl::unexpected(io_error("standard output", "write"));
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

void print_stderr(std::string_view text) {
  std::string plain;
  if (needs_ascii(STDERR_FILENO)) text = plain = for_terminal(text, false);
  (void)std::fwrite(text.data(), 1, text.size(), stderr);  // fmt::print would throw
}

std::string_view shortened(std::string_view message) {
  constexpr std::size_t kMost = 2000;  // whatever a file puts into it
  return message.substr(0, kMost);
}

void print_error(const Error& error) {
  print_stderr(
      fmt::format("{} {}\n", label("error:", kRed), printable_lines(shortened(error.message))));
  if (!error.hint.empty())
    print_stderr(
        fmt::format("{} {}\n", label("hint:", kCyan), printable_lines(shortened(error.hint))));
}

}  // namespace coe::cli
