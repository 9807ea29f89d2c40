#include "coe/measure/browser/devtools.h"

#include "coe/base/file.h"
#include "coe/base/json.h"
#include "coe/base/whole_characters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <poll.h>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace coe {

namespace {

constexpr int kBrowserReads = 3;
constexpr int kBrowserWrites = 4;
constexpr std::chrono::milliseconds kLook{100};  // how often its memory is looked at
constexpr std::chrono::milliseconds kPoll{20};

}  // namespace

Json parse_message(std::string_view message) {
  auto json = parse_json<Json>(message);
  if (json.is_discarded()) json = parse_json<Json>(whole_characters(message).text);
  return json.is_object() ? json : Json(Json::value_t::discarded);
}

Result<std::unique_ptr<DevTools>> DevTools::start(const std::vector<std::string>& command,
                                                  std::uint64_t memory_limit) {
  COE_TRY(auto to, make_pipe());
  COE_TRY(auto from, make_pipe());
  COE_TRY(auto child, ChildProcess::start(command, {{kBrowserReads, to.read.get()},
                                                    {kBrowserWrites, from.write.get()}}));
  return std::make_unique<DevTools>(std::move(child), std::move(to.write), std::move(from.read),
                                    memory_limit);
}

void DevTools::set_fault(PageFault fault) {
  if (fault_ == PageFault::kNone) fault_ = fault;
}

Status DevTools::check_fault() const {
  switch (fault_) {
    case PageFault::kNone:
      return {};
    case PageFault::kHung:
      return fail(Code::kCheckFailed, "the page does not answer");
    case PageFault::kCrashed:
      return fail(Code::kCheckFailed, "the page's process ended");
    case PageFault::kMemory:
      return fail(Code::kCheckFailed,
                  fmt::format("the page takes more than {} MB", memory_limit_ >> 20U));
    case PageFault::kDialogs:
      return fail(Code::kCheckFailed, "the page opens dialogs without end");
    case PageFault::kGarbled:
      return fail(Code::kCheckFailed, "the page makes the browser send a message that is no JSON");
  }
  return {};
}

void DevTools::watch_memory() {
  const auto now = Clock::now();
  if (now < next_look_) return;
  const auto memory = child_.memory();
  peak_memory_ = std::max(peak_memory_, memory);
  if (memory > memory_limit_) {
    set_fault(PageFault::kMemory);
    child_.kill();
  }
  next_look_ = Clock::now() + kLook;
}

void DevTools::take(std::string_view message) {
  auto json = parse_message(message);
  if (json.is_discarded()) {
    set_fault(PageFault::kGarbled);
    return;
  }
  if (const auto id = json.find("id"); id != json.end()) {
    if (*id == waits_for_) answer_ = std::make_unique<Json>(std::move(json));
    return;
  }
  if (const auto method = json.find("method"); method != json.end() && on_event_)
    on_event_(method->get<std::string>(), json.value("params", Json::object()));
}

// One poll, and all messages that are complete then.
Status DevTools::read_messages(Clock::time_point deadline) {
  watch_memory();
  COE_TRY_STATUS(check_fault());
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  if (left.count() <= 0) {
    set_fault(PageFault::kHung);
    return check_fault();
  }
  pollfd polled{out_.get(), POLLIN, 0};
  if (::poll(&polled, 1, static_cast<int>(std::min(left, kPoll).count())) <= 0) return {};
  std::array<char, 65536> buffer{};
  const auto n = ::read(out_.get(), buffer.data(), buffer.size());
  if (n < 0 && errno == EINTR) return {};
  if (n <= 0) {
    set_fault(PageFault::kCrashed);
    return check_fault();
  }
  const auto first = unread_.size();
  unread_.append(buffer.data(), static_cast<std::size_t>(n));
  std::size_t begin = 0;
  for (auto end = unread_.find('\0', first); end != std::string::npos;
       end = unread_.find('\0', begin)) {
    take(std::string_view(unread_).substr(begin, end - begin));
    begin = end + 1;
  }
  unread_.erase(0, begin);
  return check_fault();
}

void DevTools::send(const std::string& method, const Json& params, const std::string& session) {
  Json message = {{"id", ++n_sent_}, {"method", method}, {"params", params}};
  if (!session.empty()) message["sessionId"] = session;
  auto text = json_text(message);
  text += '\0';
  // That it is gone is found out by reading.
  (void)write_all(in_.get(), std::as_bytes(std::span(text)), "browser");
}

Status DevTools::wait(const std::function<bool()>& done, Clock::time_point deadline) {
  while (!done()) COE_TRY_STATUS(read_messages(deadline));
  return {};
}

Result<Json> DevTools::call(const std::string& method, const Json& params,
                            const std::string& session, Clock::time_point deadline) {
  COE_TRY_STATUS(check_fault());
  answer_.reset();
  send(method, params, session);
  waits_for_ = n_sent_;
  COE_TRY_STATUS(wait([this] { return answer_ != nullptr; }, deadline));
  const auto answer = std::exchange(answer_, nullptr);
  if (const auto error = answer->find("error"); error != answer->end())
    return fail(Code::kEngine,
                fmt::format("browser: {}: {}", method, error->value("message", std::string())));
  return answer->value("result", Json::object());
}

}  // namespace coe
