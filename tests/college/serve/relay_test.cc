#include "coe/college/serve/relay.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::TempDir;
using testing::value_of;
using Clock = std::chrono::steady_clock;

sockaddr_un address_of(const Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

// A server that does with a connection what the test says.
class OneShot {
 public:
  OneShot(const Path& path, int backlog, std::function<void(int connection)> serve)
      : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)), serve_(std::move(serve)) {
    const auto address = address_of(path);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_, backlog), 0);
  }
  OneShot(const OneShot&) = delete;
  OneShot& operator=(const OneShot&) = delete;
  ~OneShot() {
    ::shutdown(fd_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(fd_);
  }
  void start(int n) {
    thread_ = std::thread([this, n] {
      for (int i = 0; i < n; ++i) {
        const int connection = ::accept(fd_, nullptr, nullptr);
        if (connection < 0) return;
        serve_(connection);
        ::close(connection);
      }
    });
  }

 private:
  int fd_;
  std::function<void(int)> serve_;
  std::thread thread_;
};

void say(int connection, std::string_view text) {
  (void)::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
}

// Reads a request's head, or nothing of one who only connected.
void hear(int connection) {
  std::array<char, 4096> buffer{};
  (void)::recv(connection, buffer.data(), buffer.size(), 0);
}

constexpr std::string_view kReply =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

RelayRequest request_to(const Path& socket) {
  RelayRequest request;
  request.target = {.socket = socket, .url = "http://model/v1/x", .key = {}};
  request.body = "{}";
  return request;
}

std::string read_whole(Relay& relay) {
  std::string text;
  std::array<char, 3> buffer{};  // smaller than what comes at once
  while (const auto n = value_of(relay.read(buffer))) text.append(buffer.data(), n);
  return text;
}

TEST(Relay, HandsAReplyBack) {
  const TempDir dir;
  OneShot server(dir / "s.sock", 5, [](int connection) {
    hear(connection);
    say(connection, kReply);
  });
  server.start(1);
  const auto relay = value_of(Relay::start(request_to(dir / "s.sock"), {}));
  EXPECT_EQ(relay->status(), 200U);
  EXPECT_EQ(relay->content_type(), "text/plain");
  EXPECT_EQ(read_whole(*relay), "hello");
}

TEST(Relay, KnocksAgainWhereTheQueueOfConnectionsIsFull) {
  const TempDir dir;
  OneShot server(dir / "s.sock", 0, [](int connection) {
    hear(connection);
    say(connection, kReply);
  });
  // Fills the queue, until one more is turned away.
  std::vector<int> waiting;
  const auto address = address_of(dir / "s.sock");
  while (true) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    waiting.push_back(fd);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) break;
  }
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    for (const int fd : waiting) ::close(fd);
    server.start(static_cast<int>(waiting.size()));
  });
  const auto relay = Relay::start(request_to(dir / "s.sock"), {});
  later.join();
  ASSERT_TRUE(relay) << relay.error().message;
  EXPECT_EQ(read_whole(**relay), "hello");
}

TEST(Relay, SaysThatNobodyListens) {
  const TempDir dir;
  const auto start = Clock::now();
  expect_error(Relay::start(request_to(dir / "none.sock"), {}), Code::kEngine, "connect");
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
}

TEST(Relay, AReplyThatBreaksOffIsAnError) {
  const TempDir dir;
  OneShot server(dir / "s.sock", 5, [](int connection) {
    hear(connection);
    say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
  });
  server.start(1);
  const auto relay = value_of(Relay::start(request_to(dir / "s.sock"), {}));
  std::array<char, 100> buffer{};
  EXPECT_EQ(value_of(relay->read(buffer)), 5U);
  EXPECT_FALSE(relay->read(buffer).has_value());
}

TEST(Relay, GivesUpOnSilenceAndWhenToldTo) {
  const TempDir dir;
  OneShot server(dir / "s.sock", 5, [](int connection) {
    hear(connection);
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  });
  server.start(2);
  expect_error(Relay::start(request_to(dir / "s.sock"), {.idle_seconds = 0.3}), Code::kEngine,
               "nothing came for 0.3 s");
  auto request = request_to(dir / "s.sock");
  request.stop = [] { return true; };
  expect_error(Relay::start(std::move(request), {}), Code::kCancelled, "stops");
}

TEST(Relay, FetchWantsAGoodStatus) {
  const TempDir dir;
  OneShot server(dir / "s.sock", 5, [](int connection) {
    hear(connection);
    say(connection, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
  });
  server.start(1);
  expect_error(fetch({.socket = dir / "s.sock", .url = "http://model/health", .key = {}}, 5.0),
               Code::kEngine, "status 503");
}

}  // namespace
}  // namespace coe
