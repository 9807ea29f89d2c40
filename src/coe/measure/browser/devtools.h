// Over a pipe the DevTools protocol is JSON messages, each ended by a zero byte. Chromium reads
// from descriptor 3 and writes to 4. Source: Chromium, --remote-debugging-pipe.
#pragma once

#include "coe/base/descriptor.h"
#include "coe/base/json.h"
#include "coe/base/process/child_process.h"
#include "coe/base/result.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

using Json = nlohmann::json;

// A browser answers no more for one of these reasons.
enum class PageFault : std::uint8_t { kNone, kHung, kCrashed, kMemory, kDialogs, kGarbled };

// Parses a message. Halves of characters, which pages may write and JSON may not hold, become
// U+FFFD. Discarded (is_discarded()) where it is no object.
Json parse_message(std::string_view message);

// One thread uses it at a time. Every wait ends: by an answer, at its deadline, when memory runs
// over the limit, or with the browser.
class DevTools {
 public:
  using Clock = std::chrono::steady_clock;
  using OnEvent = std::function<void(const std::string& method, const Json& params)>;

  // Starts `command`. Errors: kIo.
  static Result<std::unique_ptr<DevTools>> start(const std::vector<std::string>& command,
                                                 std::uint64_t memory_limit);
  DevTools(ChildProcess child, Descriptor in, Descriptor out, std::uint64_t memory_limit)
      : in_(std::move(in)),
        out_(std::move(out)),
        child_(std::move(child)),
        memory_limit_(memory_limit) {}
  DevTools(const DevTools&) = delete;
  DevTools& operator=(const DevTools&) = delete;

  void on_event(OnEvent handler) { on_event_ = std::move(handler); }
  // Returns the answer's `result`. `session` is that of a page, or empty for the browser. Errors:
  // kEngine for an error that the browser answers with; kCheckFailed with fault() set.
  Result<Json> call(const std::string& method, const Json& params, const std::string& session,
                    Clock::time_point deadline);
  // Does not wait for the answer, so the event handler may call it.
  void send(const std::string& method, const Json& params, const std::string& session);
  // Takes in events until `done` is true. Errors: kCheckFailed with fault() set.
  Status wait(const std::function<bool()>& done, Clock::time_point deadline);

  PageFault fault() const { return fault_; }
  // The first fault stays.
  void set_fault(PageFault fault);
  std::uint64_t peak_memory() const { return peak_memory_; }
  // Of the browser's processes since its start. Those that end between two calls count as they
  // were at the first.
  ProcessorTime processor_time() { return meter_.look(child_); }

 private:
  Status check_fault() const;
  Status read_messages(Clock::time_point deadline);
  void take(std::string_view message);
  void watch_memory();

  Descriptor in_;
  Descriptor out_;
  ChildProcess child_;
  ProcessorMeter meter_;
  std::uint64_t memory_limit_;
  std::uint64_t peak_memory_ = 0;
  Clock::time_point next_look_;  // at its memory
  OnEvent on_event_;
  std::string unread_;
  std::uint64_t n_sent_ = 0;
  std::uint64_t waits_for_ = 0;  // id of the answer that call() waits for
  std::unique_ptr<Json> answer_;
  PageFault fault_ = PageFault::kNone;
};

}  // namespace coe
