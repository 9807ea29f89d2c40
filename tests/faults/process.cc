#include "faults/process.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace coe::testing {
namespace {

// Only calls that are safe between fork and exec.
[[noreturn]] void become(char* const* arguments, int errors,
                         std::optional<std::uint64_t> max_file_bytes) {
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, STDIN_FILENO);
  ::dup2(null, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  if (max_file_bytes) {
    const rlimit limit{*max_file_bytes, *max_file_bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t n = 0;
  while ((n = ::read(fd, buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<std::size_t>(n));
  return text;
}

}  // namespace

std::string describe(const Exit& exit) {
  return exit.code ? fmt::format("exit code {}: {}", *exit.code, exit.errors)
                   : fmt::format("signal {}: {}", exit.signal.value_or(0), exit.errors);
}

Process::Process(std::vector<std::string> command, std::optional<std::uint64_t> max_file_bytes) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (auto& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<int, 2> pipe{-1, -1};
  if (::pipe2(pipe.data(), O_CLOEXEC) == 0) pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error(fmt::format("cannot start: {}", std::strerror(errno)));
  if (pid_ == 0) become(arguments.data(), pipe[1], max_file_bytes);
  ::close(pipe[1]);
  errors_ = pipe[0];
}

Process::~Process() {
  if (pid_ > 0) {
    send(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(errors_);
}

bool Process::stop_at(const Path& file, std::uint64_t n_bytes) {
  while (true) {
    struct stat info{};
    if (::stat(file.c_str(), &info) == 0 && static_cast<std::uint64_t>(info.st_size) >= n_bytes) {
      send(SIGSTOP);
      siginfo_t state{};
      // Returns when it has stopped, and at once when it has ended; leaves the end to wait().
      ::waitid(P_PID, static_cast<id_t>(pid_), &state, WSTOPPED | WEXITED | WNOWAIT);
      return state.si_code == CLD_STOPPED;
    }
    siginfo_t state{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &state, WEXITED | WNOHANG | WNOWAIT);
    if (state.si_pid != 0) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

Exit Process::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
  pid_ = -1;
  Exit exit;
  if (WIFEXITED(status)) exit.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) exit.signal = WTERMSIG(status);
  exit.errors = read_all(errors_);
  return exit;
}

Exit run_process(std::vector<std::string> command) { return Process(std::move(command)).wait(); }

}  // namespace coe::testing
