#include "coe/college/serve/http_server.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <future>
#include <httplib.h>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace coe {
namespace {

using testing::expect_error;
using ::testing::HasSubstr;
using testing::value_of;
using Clock = std::chrono::steady_clock;

ServedReply refused(unsigned status, std::string_view why) {
  return {.status = status, .headers = {}, .body = "refused: " + std::string(why)};
}

ServedReply echo(const ServedRequest& request) {
  const auto found = request.headers.find("x-test");
  return {.status = 201,
          .headers = {{"x-answer", found == request.headers.end() ? "" : found->second}},
          .body = request.method + " " + request.path + " " + request.body};
}

std::unique_ptr<HttpServer> serve(HttpServer::Handler handler, HttpServerOptions options = {}) {
  options.port = 0;
  return value_of(HttpServer::start(options, std::move(handler), refused));
}

httplib::Client client_of(const HttpServer& server) {
  httplib::Client client("127.0.0.1", server.port());
  client.set_read_timeout(20);
  return client;
}

// A connection whose bytes the test chooses.
class RawClient {
 public:
  explicit RawClient(const HttpServer& server) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port());
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    sockaddr any{};
    std::memcpy(&any, &address, sizeof any);
    EXPECT_EQ(::connect(fd_, &any, sizeof address), 0);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { ::close(fd_); }

  bool send(std::string_view text) const {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  // Until the server closes, or `seconds` pass: then "timed out" stands at the end.
  std::string read_all(double seconds = 10.0) const {
    std::string text;
    const auto until = Clock::now() + std::chrono::duration<double>(seconds);
    std::array<char, 4096> buffer{};
    while (Clock::now() < until) {
      pollfd waited{fd_, POLLIN, 0};
      if (::poll(&waited, 1, 50) == 0) continue;
      const auto n = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (n <= 0) return text;
      text.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return text + "timed out";
  }

 private:
  int fd_;
};

TEST(HttpServer, HandsRequestsOnAndAnswers) {
  const auto server = serve(echo);
  auto client = client_of(*server);
  const auto reply = client.Post("/a/b?c=d", {{"X-Test", "yes"}}, "the body", "text/plain");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 201);
  EXPECT_EQ(reply->body, "POST /a/b the body");
  EXPECT_EQ(reply->get_header_value("X-Answer"), "yes");
  EXPECT_EQ(client.Get("/x")->body, "GET /x ");
  // A reply counts until its connection's thread has seen it off.
  for (int i = 0; i < 500 && server->n_active() > 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(server->n_active(), 0U);
}

TEST(HttpServer, KeepsAConnectionForFurtherRequests) {
  const auto server = serve(echo);
  auto client = client_of(*server);
  client.set_keep_alive(true);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.Get("/x")->status, 201);
}

TEST(HttpServer, RefusesALongBodyBeforeItComes) {
  const auto server = serve(echo, {.max_body_bytes = 1000});
  const RawClient client(*server);
  EXPECT_TRUE(client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000000\r\n\r\n"));
  const auto reply = client.read_all();
  EXPECT_THAT(reply, HasSubstr("413"));
  EXPECT_THAT(reply, HasSubstr("refused: the request's body has more than 1.00 kB"));
}

TEST(HttpServer, RefusesALongBodyWithoutALength) {
  const auto server = serve(echo, {.max_body_bytes = 1000});
  auto client = client_of(*server);
  int n_left = 100;
  const auto reply = client.Post(
      "/", {},
      [&](std::size_t /*offset*/, httplib::DataSink& sink) {
        if (--n_left == 0)
          sink.done();
        else
          sink.write(std::string(100, 'x').data(), 100);
        return true;
      },
      "text/plain");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 413);
}

TEST(HttpServer, TakesABodyOfJustTheLimit) {
  const auto server = serve(echo, {.max_body_bytes = 1000});
  auto client = client_of(*server);
  EXPECT_EQ(client.Post("/", std::string(1000, 'x'), "text/plain")->status, 201);
  EXPECT_EQ(client.Post("/", std::string(1001, 'x'), "text/plain")->status, 413);
}

TEST(HttpServer, CutsOffWhoSendsAByteNowAndThen) {
  const auto server = serve(echo, {.request_seconds = 1});
  const RawClient client(*server);
  const auto start = Clock::now();
  bool open = client.send("GET / HTTP/1.1\r\nX-Slow: ");
  for (int i = 0; i < 100 && open; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    open = client.send("a");
  }
  EXPECT_FALSE(open);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(6));
}

TEST(HttpServer, CutsOffASlowBodyToo) {
  const auto server = serve(echo, {.request_seconds = 1});
  const RawClient client(*server);
  bool open = client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
  for (int i = 0; i < 100 && open; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    open = client.send("a");
  }
  EXPECT_FALSE(open);
}

TEST(HttpServer, ClosesAnIdleConnection) {
  const auto server = serve(echo, {.request_seconds = 1});
  const RawClient client(*server);
  EXPECT_EQ(client.read_all(8.0), "");
}

TEST(HttpServer, DoesNotCutOffAReplyThatTakesLonger) {
  const auto server = serve(
      [](const ServedRequest& request) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2500));
        return echo(request);
      },
      {.request_seconds = 1});
  auto client = client_of(*server);
  const auto reply = client.Get("/slow");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->body, "GET /slow ");
}

// Gives pieces when the test says so.
class Pieces : public ReplyStream {
 public:
  Pieces(std::shared_future<void> second, bool breaks)
      : second_(std::move(second)), breaks_(breaks) {}
  Result<std::size_t> read(std::span<char> out) override {
    switch (n_read_++) {
      case 0:
        return give("first", out);
      case 1:
        second_.wait();
        return give("second", out);
      default:
        break;
    }
    if (breaks_) return fail(Code::kEngine, "broken");
    return 0;
  }

 private:
  static std::size_t give(std::string_view text, std::span<char> out) {
    std::copy(text.begin(), text.end(), out.begin());
    return text.size();
  }
  std::shared_future<void> second_;
  bool breaks_;
  int n_read_ = 0;
};

TEST(HttpServer, StreamsPiecesAsTheyCome) {
  std::promise<void> second;
  const auto server = serve([shared = second.get_future().share()](const ServedRequest&) {
    return ServedReply{.status = 200,
                       .headers = {},
                       .body = {},
                       .stream = std::make_unique<Pieces>(shared, false)};
  });
  auto client = client_of(*server);
  std::string text;
  bool said = false;
  const auto reply = client.Get("/", [&](const char* data, std::size_t size) {
    text.append(data, size);
    if (text == "first" && !std::exchange(said, true)) second.set_value();
    return true;
  });
  ASSERT_TRUE(reply);
  EXPECT_TRUE(said) << "the first piece must arrive before the second is made";
  EXPECT_EQ(text, "firstsecond");
}

TEST(HttpServer, AStreamThatFailsIsNoWholeReply) {
  std::promise<void> second;
  second.set_value();
  const auto server = serve([shared = second.get_future().share()](const ServedRequest&) {
    return ServedReply{
        .status = 200, .headers = {}, .body = {}, .stream = std::make_unique<Pieces>(shared, true)};
  });
  auto client = client_of(*server);
  EXPECT_FALSE(client.Get("/"));
}

TEST(HttpServer, SaysThatAPortIsTaken) {
  const auto server = serve(echo);
  HttpServerOptions options;
  options.port = server->port();
  expect_error(HttpServer::start(options, echo, refused), Code::kIo,
               "127.0.0.1:" + std::to_string(server->port()) + ": cannot listen");
  options.host = "example.org";
  expect_error(HttpServer::start(options, echo, refused), Code::kInvalidArgument, "example.org");
}

TEST(HttpServer, TakesNoConnectionsAfterStopListening) {
  const auto server = serve(echo);
  const auto port = server->port();
  server->stop_listening();
  httplib::Client client("127.0.0.1", port);
  EXPECT_FALSE(client.Get("/"));
  server->stop();
}

TEST(HttpServer, StopEndsConnectionsThatWait) {
  const auto server = serve(echo);
  const RawClient client(*server);
  EXPECT_TRUE(client.send("GET / HTTP/1.1\r\n"));
  const auto start = Clock::now();
  server->stop();
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
  EXPECT_EQ(client.read_all(5.0), "");
}

TEST(HttpServer, SeesThatAClientHasGone) {
  std::promise<void> gone;
  std::promise<bool> seen;
  const auto server = serve([&](const ServedRequest& request) {
    EXPECT_FALSE(client_gone(request.socket));
    gone.get_future().wait();
    bool is_gone = false;
    for (int i = 0; i < 100 && !is_gone; ++i) {
      is_gone = client_gone(request.socket);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    seen.set_value(is_gone);
    return echo(request);
  });
  {
    const RawClient client(*server);
    EXPECT_TRUE(client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (server->n_active() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  gone.set_value();
  EXPECT_TRUE(seen.get_future().get());
}

TEST(HttpServer, KnowsWhatIsThisMachineAlone) {
  for (const auto* host : {"localhost", "127.0.0.1", "127.8.9.1", "::1"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const auto* host : {"0.0.0.0", "::", "192.168.0.1", "128.0.0.1", "example.org", ""})
    EXPECT_FALSE(is_loopback(host)) << host;
}

}  // namespace
}  // namespace coe
