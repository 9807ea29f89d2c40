// What ends a process from within (an abort, a segmentation fault, an exception that nobody caught)
// becomes an error in words and an exit code of ours, without a core, a debugger or a line on
// stdout. No destructors run.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>

namespace coe {

// Installs the handlers, once, at the start. The exit codes are for crashes outside of every
// CrashScope, and within one.
void guard_crashes(int own_exit_code, int scoped_exit_code);

// Says why the process is about to abort. For callbacks of libraries that abort.
void note_crash(std::string_view reason);

// While one lives, a crash is somebody else's: "error: <who>: <reason>" and `hint`. Of several the
// last that was made speaks.
class CrashScope {
 public:
  CrashScope(std::string_view who, std::string_view hint);
  ~CrashScope();
  CrashScope(const CrashScope&) = delete;
  CrashScope& operator=(const CrashScope&) = delete;
};

// Crashes with `reason` when it lives longer than `limit`: for calls into libraries that a file can
// keep busy for ever and that cannot be told to stop.
class CrashDeadline {
 public:
  CrashDeadline(std::chrono::milliseconds limit, std::string_view reason);
  ~CrashDeadline();
  CrashDeadline(const CrashDeadline&) = delete;
  CrashDeadline& operator=(const CrashDeadline&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread watcher_;
};

}  // namespace coe
