#include "coe/cli/console.h"

#include "coe/base/file.h"
#include "coe/base/printable.h"
#include "coe/base/text.h"
#include "coe/base/utf8.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/wrap.h"

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

// A message with its name in a colour that says what it is, in lines that fit.
void print_message(std::string_view name, std::string_view color, std::string_view message) {
  auto text = name.empty() ? std::string(message) : fmt::format("{} {}", name, message);
  if (::isatty(STDERR_FILENO) == 1)
    text = fit_lines(for_terminal(text, locale_is_utf8()), terminal_width());
  if (colors_on && !name.empty())
    text = fmt::format("\x1b[{}m{}\x1b[0m{}", color, name, text.substr(name.size()));
  print_stderr(text + "\n");
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

std::string progress_line(const ProgressLine& line, std::size_t columns) {
  // A terminal writes "^C" behind it, and a line that is full would go on in the next one.
  constexpr std::size_t kBehind = 3;
  constexpr std::size_t kLeastBar = 8;
  constexpr std::size_t kMostBar = 30;
  const auto room = columns > kBehind ? columns - kBehind : 0;
  std::string tail;
  for (const auto& fact : line.facts) {
    const std::string_view gap = tail.empty() ? " " : "  ";
    if (line.head.size() + tail.size() + gap.size() + fact.size() > room) continue;
    tail += gap;
    tail += fact;
  }
  const auto used = line.head.size() + tail.size() + 2;  // with the bar's brackets
  std::string bar;
  if (used + kLeastBar <= room) {
    const auto width = std::min(kMostBar, room - used);
    const auto full = static_cast<std::size_t>(line.share * static_cast<double>(width));
    bar = "[" + std::string(full, '#') + std::string(width - full, '.') + "]";
  }
  return (line.head + bar + tail).substr(0, room);
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
  ProgressLine line{.head = fmt::format("{}{:<12}", part_, stage_), .share = share};
  auto count = count_text(done, unit);
  if (unit != "bytes") count += fmt::format(" {}", unit);
  line.facts = {fmt::format("{:3.0f} %", share * 100)};
  if (elapsed > 1.0 && done > 0) {
    const double rate = static_cast<double>(done) / elapsed;
    if (done < total)
      line.facts.push_back(
          fmt::format("{} left", duration_text(static_cast<double>(total - done) / rate)));
    line.facts.push_back(std::move(count));
    line.facts.push_back(unit == "bytes" ? fmt::format("{:.0f} MB/s", rate / 1e6)
                                         : fmt::format("{:.0f}/s", rate));
  } else {
    line.facts.push_back(std::move(count));
  }
  print_stderr(fmt::format("\r\x1b[K{}", progress_line(line, terminal_width())));
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
  print_message("warning:", kYellow, printable_lines(message));
}

void ConsoleObserver::note(std::string_view message) {
  if (quiet_) return;
  clear();
  print_message({}, {}, printable_lines(message));
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

Status print_words(std::string_view text) {
  const auto columns = output_columns();
  return columns ? print(fit_lines(for_terminal(text, locale_is_utf8()), *columns)) : print(text);
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
  print_message("error:", kRed, printable_lines(shortened(error.message)));
  if (!error.hint.empty()) print_message("hint:", kCyan, printable_lines(shortened(error.hint)));
}

}  // namespace coe::cli
