#include "run_child.h"

#include "coe/base/file.h"
#include "coe/base/machine.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace coe::bench {
namespace {

using Clock = std::chrono::steady_clock;

Result<pid_t> spawn(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  // posix_spawn takes char* and does not write through it.
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  errno =
      ::posix_spawn(&pid, command.front().c_str(), &actions, nullptr, arguments.data(), environ);
  const bool started = errno == 0;
  const auto error = started ? Error{} : io_error(command.front(), "start");
  ::posix_spawn_file_actions_destroy(&actions);
  if (!started) return tl::unexpected(error);
  return pid;
}

}  // namespace

Result<ChildRun> run_child(const std::vector<std::string>& command) {
  ChildRun run;
  const auto start = Clock::now();
  COE_TRY(const pid_t pid, spawn(command));
  std::atomic<bool> ended{false};
  std::thread sampler([&] {
    while (!ended.load()) {
      run.max_anon_bytes = std::max(run.max_anon_bytes, anonymous_bytes(pid));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  int status = 0;
  rusage usage{};
  while (::wait4(pid, &status, 0, &usage) < 0 && errno == EINTR) continue;
  run.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  ended = true;
  sampler.join();
  run.max_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return run;
}

}  // namespace coe::bench
