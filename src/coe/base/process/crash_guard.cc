#include "coe/base/process/crash_guard.h"

#include "coe/base/signal_words.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <string>
#include <unistd.h>
#include <vector>

namespace coe {
namespace {

// Plain memory, which a signal handler may read whatever has happened to the heap.
using Words = std::array<char, 1024>;

struct Speaker {
  Words who{};
  Words hint{};
};

Words noted{};
Speaker speaker;
std::atomic<int> n_scope{0};
std::atomic<int> own_code{70};
std::atomic<int> scoped_code{70};
std::atomic<bool> is_speaking{false};

void on_crash(int signal) {
  if (is_speaking.exchange(true)) {  // another thread crashed, too
    ::pause();
    return;
  }
  const bool is_scoped = n_scope > 0;
  say_in_handler("error: ");
  say_in_handler(is_scoped ? speaker.who.data() : "internal");
  say_in_handler(": ");
  if (noted[0] != '\0')
    say_in_handler(noted.data());
  else
    say_in_handler(signal == SIGSEGV  ? "a segmentation fault, or no stack left"
                   : signal == SIGFPE ? "an arithmetic fault"
                                      : "it aborted");
  say_in_handler("\nhint: ");
  say_in_handler(is_scoped ? speaker.hint.data() : "this is a bug in coe; please report it");
  say_in_handler("\n");
  ::_exit(is_scoped ? scoped_code : own_code);
}

[[noreturn]] void on_terminate() {
  try {
    if (const auto current = std::current_exception(); current) std::rethrow_exception(current);
  } catch (const std::exception& e) {
    note_crash(e.what());
  } catch (...) {
    note_crash("an exception that nobody caught");
  }
  std::abort();
}

}  // namespace

void guard_crashes(int own_exit_code, int scoped_exit_code) {
  own_code = own_exit_code;
  scoped_code = scoped_exit_code;
  // Where the stack has run out, the handler needs one of its own.
  static std::vector<std::byte> own_stack(std::size_t{64} << 10);
  stack_t stack{};
  stack.ss_sp = own_stack.data();
  stack.ss_size = own_stack.size();
  ::sigaltstack(&stack, nullptr);
  struct sigaction action{};
  action.sa_handler = on_crash;
  action.sa_flags = SA_ONSTACK;
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGILL}) ::sigaction(signal, &action, nullptr);
  std::set_terminate(on_terminate);
}

void note_crash(std::string_view reason) {
  if (noted[0] == '\0') keep_words(noted, reason);
}

CrashScope::CrashScope(std::string_view who, std::string_view hint) {
  keep_words(speaker.who, who);
  keep_words(speaker.hint, hint);
  ++n_scope;
}

CrashScope::~CrashScope() { --n_scope; }

CrashDeadline::CrashDeadline(std::chrono::milliseconds limit, std::string_view reason)
    : watcher_([this, limit, words = std::string(reason)] {
        std::unique_lock lock(mutex_);
        if (changed_.wait_for(lock, limit, [this] { return done_; })) return;
        note_crash(words);
        std::abort();
      }) {}

CrashDeadline::~CrashDeadline() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
  watcher_.join();
}

}  // namespace coe
