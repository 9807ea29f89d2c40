#include "coe/college/serve/relay.h"

#include "coe/ask/endpoint/curl.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

namespace coe {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostPending = std::size_t{1} << 20;
constexpr int kRelayPollMilliseconds = 100;
constexpr std::chrono::milliseconds kKnockAgain{10};
constexpr std::size_t kMostFetched = std::size_t{1} << 20;

class CurlRelay : public Relay {
 public:
  CurlRelay(RelayRequest request, const RelayLimits& limits)
      : request_(std::move(request)), limits_(limits), last_byte_(Clock::now()) {}
  ~CurlRelay() override {
    if (multi_ && easy_) curl_multi_remove_handle(multi_.get(), easy_.get());
  }
  CurlRelay(const CurlRelay&) = delete;
  CurlRelay& operator=(const CurlRelay&) = delete;

  Status begin() {
    COE_TRY_STATUS(open_handles(multi_, easy_));
    set_options();
    COE_TRY_STATUS(begin_request(multi_, easy_));
    COE_TRY_STATUS(wait_for_bytes());
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    const char* type = nullptr;
    curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_TYPE, &type);
    status_ = static_cast<unsigned>(status);
    content_type_ = type == nullptr ? "application/json" : type;
    return {};
  }

  unsigned status() const override { return status_; }
  const std::string& content_type() const override { return content_type_; }

  Result<std::size_t> read(std::span<char> out) override {
    COE_TRY_STATUS(wait_for_bytes());
    const auto n = std::min(out.size(), pending_.size());
    std::memcpy(out.data(), pending_.data(), n);
    pending_.erase(0, n);
    if (paused_ && pending_.size() < kMostPending / 2) {
      paused_ = false;
      curl_easy_pause(easy_.get(), CURLPAUSE_CONT);
    }
    return n;
  }

 private:
  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(easy_.get(), option, value);
  }

  void set_options() {
    const auto& target = request_.target;
    set(CURLOPT_URL, target.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_NOSIGNAL, 1L);
    if (!target.socket.empty()) {
      set(CURLOPT_UNIX_SOCKET_PATH, target.socket.c_str());
      set(CURLOPT_PROXY, "");
    }
    set(CURLOPT_NOPROXY, no_proxy_.c_str());
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits_.connect_seconds * 1000.0));
    set(CURLOPT_ERRORBUFFER, error_.data());
    set(CURLOPT_WRITEFUNCTION, &CurlRelay::on_bytes);
    set(CURLOPT_WRITEDATA, static_cast<void*>(this));
    add_header(headers_, "Expect:");
    if (!target.key.empty()) add_header(headers_, ("Authorization: Bearer " + target.key).c_str());
    if (request_.method == "POST") {
      add_header(headers_, ("Content-Type: " + request_.content_type).c_str());
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
      set(CURLOPT_POSTFIELDS, request_.body.c_str());
    }
    set(CURLOPT_HTTPHEADER, headers_.get());
  }

  static std::size_t on_bytes(char* bytes, std::size_t size, std::size_t n, void* relay) {
    return static_cast<CurlRelay*>(relay)->take({bytes, size * n});
  }

  std::size_t take(std::string_view bytes) {
    if (pending_.size() >= kMostPending) {
      paused_ = true;
      return CURL_WRITEFUNC_PAUSE;
    }
    last_byte_ = Clock::now();
    pending_ += bytes;
    return bytes.size();
  }

  // Until there are some, or the reply has ended. What came before it broke off is given first.
  Status wait_for_bytes() {
    while (pending_.empty() && !ended_) {
      int n_running = 0;
      if (curl_multi_perform(multi_.get(), &n_running) != CURLM_OK)
        return fail(Code::kInternal, "libcurl fails");
      if (n_running == 0) outcome_ = end();
      if (!pending_.empty() || ended_) break;
      COE_TRY_STATUS(wait());
    }
    return pending_.empty() ? outcome_ : Status();
  }

  Status wait() {
    curl_waitfd client{};
    client.fd = request_.client;
    client.events = CURL_WAIT_POLLIN;
    const unsigned n_watched = watches_client_ && request_.client >= 0 ? 1 : 0;
    curl_multi_poll(multi_.get(), &client, n_watched, kRelayPollMilliseconds, nullptr);
    if (n_watched == 1 && client.revents != 0) {
      if (client_gone(request_.client)) return fail(Code::kCancelled, "the client has gone");
      watches_client_ = false;  // its next request waits, and would wake us for ever
    }
    if (request_.stop && request_.stop()) return fail(Code::kCancelled, "the server stops");
    const std::chrono::duration<double> silent = Clock::now() - last_byte_;
    if (silent.count() > limits_.idle_seconds)
      return fail(Code::kEngine, fmt::format("nothing came for {:g} s", limits_.idle_seconds));
    return {};
  }

  Status end() {
    ended_ = true;
    int n_left = 0;
    const CURLMsg* message = curl_multi_info_read(multi_.get(), &n_left);
    const CURLcode code = message == nullptr ? CURLE_OK : message->data.result;
    if (code == CURLE_OK) return {};
    if (is_turned_away(code) && Clock::now() < connect_until_) return knock_again();
    return fail(Code::kEngine, error_.front() != '\0' ? error_.data() : curl_easy_strerror(code));
  }

  // A server whose queue of connections is full turns a Unix socket away at once (EAGAIN), where
  // TCP would wait. libcurl takes that for a connection on its way, and has no reason to give when
  // it finds none; who does not listen is refused with one. Nothing has been sent then.
  bool is_turned_away(CURLcode code) const {
    long reason = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &reason);
    const bool unexplained = code == CURLE_COULDNT_CONNECT && (reason == 0 || reason == EAGAIN);
    const bool unsent = code == CURLE_SEND_ERROR && reason == ENOTCONN;
    return !request_.target.socket.empty() && (unexplained || unsent);
  }

  Status knock_again() {
    ended_ = false;
    error_.front() = '\0';
    curl_multi_remove_handle(multi_.get(), easy_.get());
    std::this_thread::sleep_for(kKnockAgain);
    if (request_.stop && request_.stop()) return fail(Code::kCancelled, "the server stops");
    if (curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK)
      return fail(Code::kInternal, "libcurl refuses the request");
    return {};
  }

  RelayRequest request_;
  RelayLimits limits_;
  Clock::time_point connect_until_ =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(
                         std::chrono::duration<double>(limits_.connect_seconds));
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::string no_proxy_ = no_proxy();
  ListPtr headers_;
  MultiPtr multi_;  // lives longer than the handle in it
  EasyPtr easy_;
  std::string pending_;
  bool paused_ = false;
  bool ended_ = false;
  Status outcome_;  // once it has ended
  bool watches_client_ = true;
  unsigned status_ = 0;
  std::string content_type_;
  Clock::time_point last_byte_;
};

}  // namespace

Result<std::unique_ptr<Relay>> Relay::start(RelayRequest request, const RelayLimits& limits) {
  auto relay = std::make_unique<CurlRelay>(std::move(request), limits);
  COE_TRY_STATUS(relay->begin());
  return relay;
}

Result<std::string> fetch(const RelayTarget& target, double seconds) {
  RelayRequest request;
  request.method = "GET";
  request.target = target;
  COE_TRY(const auto relay,
          Relay::start(std::move(request), {.connect_seconds = seconds, .idle_seconds = seconds}));
  std::string body;
  std::array<char, 4096> buffer{};
  while (body.size() < kMostFetched) {
    COE_TRY(const auto n, relay->read(buffer));
    if (n == 0) break;
    body.append(buffer.data(), n);
  }
  if (relay->status() != 200)
    return fail(Code::kEngine, fmt::format("{}: status {}", target.url, relay->status()));
  return body;
}

}  // namespace coe
