#include "coe/cli/line_editor.h"

#include "coe/cli/console.h"

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <histedit.h>
#include <iostream>
#include <poll.h>
#include <string_view>
#include <unistd.h>

namespace coe::cli {

namespace {

constexpr int kHistoryLines = 1000;
constexpr int kPasteMs = 30;  // nobody types the next line so soon
constexpr std::string_view kFence = "\"\"\"";

}  // namespace

struct LineEditor::Terminal {
  EditLine* editor = nullptr;
  History* history = nullptr;
  bool goes_on = false;  // within a turn of several lines

  Terminal() {
    // For characters of several bytes. In the locale C libedit would show them as numbers.
    std::setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
    editor = el_init("coe", stdin, stdout, stderr);
    history = history_init();
    if (editor == nullptr || history == nullptr) return;
    HistEvent event{};
    ::history(history, &event, H_SETSIZE, kHistoryLines);
    el_set(editor, EL_CLIENTDATA, this);
    el_set(editor, EL_PROMPT, &Terminal::prompt);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_HIST, ::history, history);
    el_source(editor, nullptr);  // the user's ~/.editrc
  }
  ~Terminal() {
    if (history != nullptr) history_end(history);
    if (editor != nullptr) el_end(editor);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  static char* prompt(EditLine* editor) {
    static char first[] = "> ";
    static char more[] = "… ";
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return static_cast<Terminal*>(self)->goes_on ? more : first;
  }

  // Without its newline; nullopt: the end of the input.
  std::optional<std::string> line() {
    int n = 0;
    errno = 0;
    const char* text = el_gets(editor, &n);
    if (text != nullptr && n > 0) {
      std::string out(text, static_cast<std::size_t>(n));
      if (out.ends_with('\n')) out.pop_back();
      return out;
    }
    if (ConsoleObserver::take_interrupt() || (text == nullptr && errno == EINTR)) {
      std::fputs("\n", stdout);
      return std::string();
    }
    return std::nullopt;
  }

  void remember(const std::string& turn) {
    HistEvent event{};
    if (!turn.empty()) ::history(history, &event, H_ENTER, turn.c_str());
  }
};

LineEditor::LineEditor() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) return;
  auto terminal = std::make_unique<Terminal>();
  if (terminal->editor != nullptr && terminal->history != nullptr) terminal_ = std::move(terminal);
}

LineEditor::~LineEditor() = default;

std::optional<std::string> LineEditor::next() {
  if (!terminal_) {
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    return line;
  }
  auto& terminal = *terminal_;
  terminal.goes_on = false;
  auto turn = terminal.line();
  if (!turn) return std::nullopt;
  terminal.goes_on = true;
  if (*turn == kFence) {
    turn->clear();
    for (auto line = terminal.line(); line && *line != kFence; line = terminal.line())
      *turn += (turn->empty() ? "" : "\n") + *line;
  } else {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    while (::poll(&input, 1, kPasteMs) > 0) {
      const auto line = terminal.line();
      if (!line) break;
      *turn += "\n" + *line;
    }
  }
  terminal.remember(*turn);
  return turn;
}

}  // namespace coe::cli
