#include "coe/ask/endpoint/http.h"

#include "coe/ask/endpoint/curl.h"
#include "coe/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostErrorBody = std::size_t{64} << 10;
constexpr std::size_t kMostHeaders = 32;
constexpr int kPollMilliseconds = 50;  // how late an interrupt or a limit may be noticed

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// An exchange in progress.
class Exchange {
 public:
  Exchange(const HttpRequest& request, const HttpLimits& limits, const HttpReader& reader)
      : request_(request), limits_(limits), reader_(reader) {}

  Result<HttpReply> run(Observer& observer) {
    COE_TRY_STATUS(open_handles(multi_, easy_));
    set_options();
    COE_TRY_STATUS(begin_request(multi_, easy_));
    auto reply = drive(observer);
    curl_multi_remove_handle(multi_.get(), easy_.get());
    return reply;
  }

 private:
  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(easy_.get(), option, value);
  }

  void set_options() {
    set(CURLOPT_URL, request_.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_NOPROXY, no_proxy_.c_str());
    set(CURLOPT_USERAGENT, user_agent_.c_str());
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits_.connect_seconds * 1000.0));
    set(CURLOPT_ERRORBUFFER, error_.data());
    set(CURLOPT_WRITEFUNCTION, &Exchange::on_bytes);
    set(CURLOPT_WRITEDATA, static_cast<void*>(this));
    set(CURLOPT_HEADERFUNCTION, &Exchange::on_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(this));
    add_header(headers_, "Expect:");  // no waiting for leave to send
    for (const auto& header : request_.headers) add_header(headers_, header.c_str());
    if (request_.body) {
      add_header(headers_, "Content-Type: application/json");
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body->size()));
      set(CURLOPT_POSTFIELDS, request_.body->c_str());
    }
    set(CURLOPT_HTTPHEADER, headers_.get());
  }

  // libcurl's signature.
  static std::size_t on_bytes(char* bytes, std::size_t size, std::size_t n, void* exchange) {
    return static_cast<Exchange*>(exchange)->take({bytes, size * n}) ? size * n : 0;
  }

  static std::size_t on_header(char* bytes, std::size_t size, std::size_t n, void* exchange) {
    static_cast<Exchange*>(exchange)->keep_header({bytes, size * n});
    return size * n;
  }

  void keep_header(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || reply_.headers.size() == kMostHeaders) return;
    auto name = lower_ascii(line.substr(0, colon));
    if (!name.starts_with("retry-after") && !name.starts_with("x-ratelimit-")) return;
    const auto value = line.substr(colon + 1);
    const auto first = std::min(value.find_first_not_of(" \t"), value.size());
    const auto last = value.find_last_not_of(" \t\r\n") + 1;  // npos + 1 is 0
    if (first < last) reply_.headers[std::move(name)] = value.substr(first, last - first);
  }

  bool take(std::string_view bytes) {
    last_byte_ = Clock::now();
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &reply_.status);
    if (reply_.status >= 200 && reply_.status < 300) {
      reply_.stopped = !reader_(bytes);
      return !reply_.stopped;
    }
    reply_.body += bytes.substr(0, kMostErrorBody - reply_.body.size());
    reply_.stopped = reply_.body.size() == kMostErrorBody;
    return !reply_.stopped;
  }

  Result<HttpReply> drive(Observer& observer) {
    const auto start = Clock::now();
    last_byte_ = start;
    while (true) {
      int n_running = 0;
      if (curl_multi_perform(multi_.get(), &n_running) != CURLM_OK)
        return fail(Code::kInternal, "libcurl fails");
      if (n_running == 0) return finish();
      if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
      if (limits_.idle_seconds > 0.0 && seconds_since(last_byte_) > limits_.idle_seconds)
        return failed(fmt::format("nothing came for {:g} s", limits_.idle_seconds));
      if (limits_.total_seconds > 0.0 && seconds_since(start) > limits_.total_seconds)
        return failed(fmt::format("not done after {:g} s", limits_.total_seconds));
      curl_multi_poll(multi_.get(), nullptr, 0, kPollMilliseconds, nullptr);
    }
  }

  Result<HttpReply> finish() {
    int n_left = 0;
    const CURLMsg* message = curl_multi_info_read(multi_.get(), &n_left);
    const CURLcode code = message == nullptr ? CURLE_OK : message->data.result;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &reply_.status);
    if (code != CURLE_OK && !reply_.stopped)
      return failed(error_.front() != '\0' ? error_.data() : curl_easy_strerror(code),
                    code == CURLE_COULDNT_CONNECT ? Code::kNotFound : Code::kEngine);
    curl_off_t wait = 0;  // libcurl reads dates, too
    curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &wait);
    if (wait > 0) reply_.headers["retry-after"] = fmt::format("{}", wait);
    return std::move(reply_);
  }

  Result<HttpReply> failed(std::string_view why, Code code = Code::kEngine) const {
    return fail(code, fmt::format("{}: {}", request_.url, why));
  }

  const HttpRequest& request_;
  const HttpLimits& limits_;
  const HttpReader& reader_;
  std::string no_proxy_ = no_proxy();
  std::string user_agent_ = fmt::format("coe/{}", tool_version());
  std::array<char, CURL_ERROR_SIZE> error_{};
  ListPtr headers_;
  MultiPtr multi_;  // lives longer than the handle in it
  EasyPtr easy_;
  HttpReply reply_;
  Clock::time_point last_byte_;
};

}  // namespace

Result<HttpReply> http_exchange(const HttpRequest& request, const HttpLimits& limits,
                                const HttpReader& reader, Observer& observer) {
  return Exchange(request, limits, reader).run(observer);
}

}  // namespace coe
