#include "coe/college/serve/worker.h"

#include "coe/base/printable.h"
#include "coe/base/text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

namespace coe {

namespace {

constexpr std::size_t kLinesKept = 64;
constexpr std::size_t kLineBytes = 400;
constexpr std::size_t kLinesSaid = 3;

bool speaks_of_error(std::string_view line) {
  const auto small = lower_ascii(line);
  for (const std::string_view word : {"error", "fail", "abort", "out of memory", "exception"})
    if (small.find(word) != std::string::npos) return true;
  return false;
}

}  // namespace

// Reads what the process prints, for as long as it or one of its own lives.
class Worker::Output {
 public:
  explicit Output(Descriptor from) : from_(std::move(from)), thread_([this] { run(); }) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { thread_.join(); }

  std::string last_words() const {
    const std::lock_guard lock(mutex_);
    std::deque<std::string_view> said;
    for (const bool any : {false, true}) {
      for (auto line = lines_.rbegin(); line != lines_.rend() && said.size() < kLinesSaid; ++line)
        if (any || speaks_of_error(*line)) said.push_front(*line);
      if (!said.empty()) break;
    }
    std::string text;
    for (const auto line : said) text += (text.empty() ? "" : " | ") + printable(line, kLineBytes);
    return text;
  }

 private:
  void run() {
    std::array<char, 4096> buffer{};
    std::string line;
    while (true) {
      const auto n = ::read(from_.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(n))) {
        if (c == '\n')
          keep(std::exchange(line, {}));
        else if (line.size() < kLineBytes)
          line += c;
      }
    }
    keep(std::move(line));
  }

  void keep(std::string line) {
    if (line.empty()) return;
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    if (lines_.size() > kLinesKept) lines_.pop_front();
  }

  Descriptor from_;
  mutable std::mutex mutex_;
  std::deque<std::string> lines_;
  std::thread thread_;
};

Worker::Worker(ChildProcess process, Descriptor lifeline, std::unique_ptr<Output> output)
    : output_(std::move(output)), lifeline_(std::move(lifeline)), process_(std::move(process)) {}

Worker::Worker(Worker&&) noexcept = default;
Worker::~Worker() = default;

Result<Worker> Worker::start(const std::vector<std::string>& command) {
  COE_TRY(auto lifeline, make_pipe());
  COE_TRY(auto output, make_pipe());
  COE_TRY(auto process, ChildProcess::start(command, {{STDIN_FILENO, lifeline.read.get()},
                                                      {STDOUT_FILENO, output.write.get()},
                                                      {STDERR_FILENO, output.write.get()}}));
  output.write.close();
  return Worker(std::move(process), std::move(lifeline.write),
                std::make_unique<Output>(std::move(output.read)));
}

void Worker::terminate() const { ::kill(pid(), SIGTERM); }

std::string Worker::last_words() const { return output_ ? output_->last_words() : std::string(); }

}  // namespace coe
