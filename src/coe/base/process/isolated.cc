#include "coe/base/process/isolated.h"

#include "coe/base/descriptor.h"
#include "coe/base/file.h"
#include "coe/base/process/wait.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <span>
#include <string_view>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace coe {

namespace {

// This comes through the pipe: this byte and the value, or an error's code and, ended by a zero,
// message and hint.
constexpr char kDone = '+';
constexpr char kFailed = '-';

std::string packed(const Result<std::string>& result) {
  if (result) return kDone + *result;
  const auto& error = result.error();
  std::string out(1, kFailed);
  out += static_cast<char>(error.code);
  out += error.message;
  out += '\0';
  return out + error.hint;
}

// Empty or cut short: the process ended before it had said everything.
Result<std::string> unpacked(std::string_view text) {
  if (text.starts_with(kDone)) return std::string(text.substr(1));
  const auto zero = text.find('\0', 2);
  if (!text.starts_with(kFailed) || zero == std::string_view::npos)
    return fail(Code::kEngine, "a process of its own for a measurement ended without a result");
  return fail(static_cast<Code>(text[1]), std::string(text.substr(2, zero - 2)),
              std::string(text.substr(zero + 1)));
}

std::string read_whole(int fd) {
  std::string out;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

// Never returns: what this process would do at its end is the other's business.
[[noreturn]] void work_and_tell(const std::function<Result<std::string>()>& work, int fd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Result<std::string> result;
  try {
    result = work();
  } catch (const std::bad_alloc&) {
    result = fail(Code::kEngine, "out of memory");
  } catch (const std::exception& e) {
    result = fail(Code::kInternal, e.what());
  }
  // Where nobody reads any more there is nobody to tell.
  const auto text = packed(result);
  (void)write_all(fd, std::as_bytes(std::span(text)), "pipe");
  ::_exit(0);
}

}  // namespace

Result<std::string> run_isolated(const std::function<Result<std::string>()>& work) {
  COE_TRY(auto pipe, make_pipe());
  const pid_t child = ::fork();
  if (child < 0) return fail(Code::kIo, fmt::format("cannot fork: {}", std::strerror(errno)));
  if (child == 0) work_and_tell(work, pipe.write.get());
  pipe.write.close();
  const auto text = read_whole(pipe.read.get());
  const int status = wait_for(child);
  if (WIFSIGNALED(status))
    return fail(Code::kEngine,
                fmt::format("a process of its own for a measurement was ended by signal {} ({})",
                            WTERMSIG(status), ::strsignal(WTERMSIG(status))),
                WTERMSIG(status) == SIGKILL ? "the system kills what takes too much memory" : "");
  return unpacked(text);
}

}  // namespace coe
