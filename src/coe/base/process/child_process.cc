#include "coe/base/process/child_process.h"

#include "coe/base/descriptor.h"
#include "coe/base/file.h"
#include "coe/base/machine.h"
#include "coe/base/process/wait.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <set>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace coe {

namespace {

// Parents by process, of all that there are. A name may hold blanks and brackets.
std::map<pid_t, pid_t> parents() {
  std::map<pid_t, pid_t> out;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ec)) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "stat");
    std::string line;
    std::getline(file, line);
    const auto end = line.rfind(')');
    if (end == std::string::npos || end + 4 >= line.size()) continue;
    out[std::atoi(name.c_str())] = std::atoi(line.c_str() + end + 4);
  }
  return out;
}

// Reads what there is now. False at the end.
bool read_some(const Descriptor& from, std::string& to) {
  std::array<char, 65536> buffer{};
  const auto n = ::read(from.get(), buffer.data(), buffer.size());
  if (n > 0) to.append(buffer.data(), static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

// False when nobody reads any more.
bool write_some(const Descriptor& to, std::string_view& text) {
  const auto n = ::write(to.get(), text.data(), text.size());
  if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  return n >= 0 || errno == EINTR || errno == EAGAIN;
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const std::vector<std::string>& command,
                                         const std::map<int, int>& files, ProcessGroup group) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  // posix_spawn takes char* and does not write through it.
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  // Copied out of the way first: a number wanted may be one that another still has.
  constexpr int kFree = 64;
  for (const auto& [wanted, ours] : files)
    ::posix_spawn_file_actions_adddup2(&actions, ours, kFree + wanted);
  for (const auto& [wanted, ours] : files) {
    ::posix_spawn_file_actions_adddup2(&actions, kFree + wanted, wanted);
    ::posix_spawn_file_actions_addclose(&actions, kFree + wanted);
  }
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (!files.contains(standard))
      ::posix_spawn_file_actions_addopen(&actions, standard, "/dev/null",
                                         standard == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  if (group == ProcessGroup::kOwn) {
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    ::posix_spawnattr_setpgroup(&attributes, 0);
  }
  pid_t pid = -1;
  errno = ::posix_spawn(&pid, command.front().c_str(), &actions, &attributes, arguments.data(),
                        environ);
  const auto error = errno != 0 ? io_error(command.front(), "start") : Error{};
  const bool started = errno == 0;
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (!started) return tl::unexpected(error);
  return ChildProcess(pid, group);
}

std::set<pid_t> ChildProcess::tree() const {
  if (pid_ < 0) return {};
  const auto parent_of = parents();
  std::set<pid_t> tree = {pid_};
  for (bool grows = true; grows;) {
    grows = false;
    for (const auto& [pid, parent] : parent_of)
      if (tree.contains(parent) && tree.insert(pid).second) grows = true;
  }
  return tree;
}

std::uint64_t ChildProcess::memory() const {
  std::uint64_t sum = 0;
  for (const auto pid : tree()) sum += anonymous_bytes(pid);
  return sum;
}

// Source: Linux, Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat.
std::map<pid_t, ProcessorTime> ChildProcess::processor_times() const {
  std::map<pid_t, ProcessorTime> out;
  std::error_code ec;
  for (const auto pid : tree()) {
    const auto threads = fmt::format("/proc/{}/task", pid);
    for (const auto& thread : std::filesystem::directory_iterator(threads, ec)) {
      std::ifstream file(thread.path() / "schedstat");
      double ran = 0.0;
      double waited = 0.0;
      if (!(file >> ran >> waited)) continue;
      out[std::atoi(thread.path().filename().c_str())] = {ran * 1e-9, waited * 1e-9};
    }
  }
  return out;
}

ProcessorTime ProcessorMeter::look(const ChildProcess& child) {
  auto now = child.processor_times();
  for (const auto& [thread, had] : now) {
    const auto known = last_.find(thread);
    // A number that is given again is that of another thread, which had less so far.
    const bool is_same =
        known != last_.end() && known->second.ran <= had.ran && known->second.waited <= had.waited;
    const auto before = is_same ? known->second : ProcessorTime{};
    sum_.ran += had.ran - before.ran;
    sum_.waited += had.waited - before.waited;
  }
  last_ = std::move(now);
  return sum_;
}

std::optional<int> ChildProcess::ended() {
  if (ended_ || pid_ < 0) return ended_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) ended_ = exit_code_of(status);
  return ended_;
}

ChildUsage ChildProcess::wait() {
  COE_CHECK(pid_ >= 0 && !ended_);
  rusage usage{};
  ended_ = exit_code_of(wait_for(pid_, &usage));
  return {*ended_, static_cast<std::uint64_t>(usage.ru_maxrss) * 1024};
}

void ChildProcess::kill() {
  if (pid_ < 0) return;
  if (!ended_) {
    ::kill(group_ == ProcessGroup::kOwn ? -pid_ : pid_, SIGKILL);
    wait_for(pid_);
  }
  pid_ = -1;
}

Result<ProgramRun> run_program(const std::vector<std::string>& command, std::string_view input,
                               const ProgramLimits& limits) {
  using Clock = std::chrono::steady_clock;
  COE_TRY(auto in, make_pipe());
  COE_TRY(auto out, make_pipe());
  COE_TRY(auto err, make_pipe());
  COE_TRY(auto child, ChildProcess::start(command, {{STDIN_FILENO, in.read.get()},
                                                    {STDOUT_FILENO, out.write.get()},
                                                    {STDERR_FILENO, err.write.get()}}));
  in.read.close();
  out.write.close();
  err.write.close();
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  ProgramRun run;
  const auto deadline = Clock::now() + limits.time;
  const auto stopped = [&](std::string_view what) {
    if (limits.spent != nullptr) *limits.spent = ProcessorMeter().look(child);
    return fail(Code::kCheckFailed, fmt::format("{}: {}", command.front(), what));
  };
  while (out.read.get() >= 0 || err.read.get() >= 0) {
    if (Clock::now() > deadline) return stopped("takes too long");
    if (child.memory() > limits.memory) return stopped("takes too much memory");
    if (run.output.size() + run.errors.size() > limits.output) return stopped("writes too much");
    if (input.empty()) in.write.close();
    // A closed end is -1, which poll passes over.
    std::array<pollfd, 3> polled = {pollfd{in.write.get(), POLLOUT, 0},
                                    pollfd{out.read.get(), POLLIN, 0},
                                    pollfd{err.read.get(), POLLIN, 0}};
    ::poll(polled.data(), polled.size(), 100);
    if (polled[0].revents != 0 && !write_some(in.write, input)) input = {};
    if (polled[1].revents != 0 && !read_some(out.read, run.output)) out.read.close();
    if (polled[2].revents != 0 && !read_some(err.read, run.errors)) err.read.close();
  }
  while (!child.ended()) {
    if (Clock::now() > deadline) return stopped("takes too long");
    ::usleep(1000);
  }
  run.exit_code = *child.ended();
  return run;
}

}  // namespace coe
