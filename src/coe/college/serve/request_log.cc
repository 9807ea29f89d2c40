#include "coe/college/serve/request_log.h"

#include "coe/base/inputs.h"
#include "coe/base/json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <fcntl.h>
#include <span>
#include <unistd.h>

namespace coe {

namespace {

double tenths(double ms) { return std::round(ms * 10.0) / 10.0; }

}  // namespace

std::string utc_now() {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (now - seconds).count());
}

Result<std::unique_ptr<RequestLog>> RequestLog::open(const Path& file, bool with_text) {
  COE_TRY_STATUS(check_output(file, Overwrite::kAllow));
  // Only the user may read what others asked.
  Descriptor opened(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (opened.get() < 0) return tl::unexpected(io_error(file, "open the log"));
  return std::unique_ptr<RequestLog>(new RequestLog(std::move(opened), with_text));
}

void RequestLog::add(const RequestRecord& record) {
  nlohmann::ordered_json json;
  json["time"] = utc_now();
  json["path"] = record.path;
  json["asked"] = record.asked;
  json["answered"] = record.answered.empty() ? nlohmann::ordered_json(nullptr)
                                             : nlohmann::ordered_json(record.answered);
  if (record.choice) {
    json["unsure"] = record.choice->unsure;
    json["stayed"] = record.choice->stayed;
    json["choice_ms"] = record.choice->ms;
    put_scores(json, *record.choice);
  }
  json["status"] = record.status;
  json["ms_to_first_byte"] = tenths(record.ms_to_first_byte);
  json["ms"] = tenths(record.ms);
  json["bytes_out"] = record.bytes_out;
  json["end"] = record.end;
  if (with_text_) json["text"] = record.text;
  const auto line = json_line(json);
  const std::lock_guard lock(mutex_);
  // One write a line: lines of several processes do not mix.
  const auto n = ::write(file_.get(), line.data(), line.size());
  if (n != static_cast<ssize_t>(line.size())) ++n_lost_;
}

std::uint64_t RequestLog::lost() const {
  const std::lock_guard lock(mutex_);
  return n_lost_;
}

}  // namespace coe
