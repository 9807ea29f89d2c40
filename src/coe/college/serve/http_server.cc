#include "coe/college/serve/http_server.h"

#include "coe/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <microhttpd.h>
#include <mutex>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace coe {

namespace {

using Clock = std::chrono::steady_clock;

// What libmicrohttpd keeps of a request's head; longer ones are refused by it.
constexpr std::size_t kHeadBytes = std::size_t{64} << 10;
// A body without a length is read on so far beyond the limit, for the client to hear why.
constexpr std::uint64_t kOverrunBytes = std::uint64_t{8} << 20;
constexpr std::size_t kStreamBlock = std::size_t{16} << 10;
constexpr std::size_t kThreadStack = std::size_t{1} << 20;

struct ResponseDeleter {
  void operator()(MHD_Response* response) const { MHD_destroy_response(response); }
};
using ResponsePtr = std::unique_ptr<MHD_Response, ResponseDeleter>;

// A request while it comes in.
struct Incoming {
  ServedRequest request;
  std::uint64_t n_byte = 0;
  bool too_large = false;
  bool taken = false;  // the handler has it
};

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

Result<SocketAddress> socket_address(const HttpServerOptions& options) {
  SocketAddress address{};
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  if (::inet_pton(AF_INET, host.c_str(), &address.v4.sin_addr) == 1) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(options.port);
    return address;
  }
  if (::inet_pton(AF_INET6, host.c_str(), &address.v6.sin6_addr) == 1) {
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(options.port);
    return address;
  }
  return fail(Code::kInvalidArgument,
              fmt::format("host `{}`: not an address of this machine", options.host),
              "127.0.0.1 for this machine alone, 0.0.0.0 for every network");
}

// Opens the listening socket here, so that the reason of a failure is known.
Result<int> listening_socket(const HttpServerOptions& options) {
  COE_TRY(const auto address, socket_address(options));
  const bool v6 = address.any.sa_family == AF_INET6;
  const int fd = ::socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  const bool listens = fd >= 0 && ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                       ::bind(fd, &address.any, v6 ? sizeof address.v6 : sizeof address.v4) == 0 &&
                       ::listen(fd, SOMAXCONN) == 0;
  if (listens) return fd;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  return fail(
      Code::kIo,
      fmt::format("{}:{}: cannot listen: {}", options.host, options.port, std::strerror(error)),
      error == EADDRINUSE ? "another program has this port; choose one with --port"
                          : std::string());
}

std::uint16_t port_of(int fd) {
  SocketAddress address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, &address.any, &size);
  return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

MHD_Result keep_header(void* headers, MHD_ValueKind /*kind*/, const char* name, const char* value) {
  (*static_cast<std::map<std::string, std::string>*>(headers))[lower_ascii(name)] =
      value == nullptr ? "" : value;
  return MHD_YES;
}

ssize_t read_stream(void* stream, std::uint64_t /*position*/, char* out, std::size_t size) {
  const auto n = static_cast<ReplyStream*>(stream)->read({out, size});
  if (!n) return MHD_CONTENT_READER_END_WITH_ERROR;
  return *n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : static_cast<ssize_t>(*n);
}

void free_stream(void* stream) { delete static_cast<ReplyStream*>(stream); }

// Cuts off connections whose next request takes too long to come.
class Watchdog {
 public:
  explicit Watchdog(unsigned seconds) : limit_(seconds), thread_([this] { run(); }) {}
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  void waits(int socket) {
    const std::lock_guard lock(mutex_);
    until_[socket] = Clock::now() + limit_;
  }
  // It has a request, or is closed: its number may then be another's.
  void forget(int socket) {
    const std::lock_guard lock(mutex_);
    until_.erase(socket);
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!ended_) {
      wake_.wait_for(lock, std::chrono::milliseconds(500));
      const auto now = Clock::now();
      for (const auto& [socket, until] : until_)
        if (until < now) ::shutdown(socket, SHUT_RDWR);
    }
  }

  std::chrono::seconds limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<int, Clock::time_point> until_;
  bool ended_ = false;
  std::thread thread_;
};

int socket_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info == nullptr ? -1 : info->connect_fd;
}

class MicroServer : public HttpServer {
 public:
  MicroServer(const HttpServerOptions& options, Handler handler, Refusal refusal)
      : options_(options),
        handler_(std::move(handler)),
        refusal_(std::move(refusal)),
        watchdog_(options.request_seconds) {}
  ~MicroServer() override { stop(); }
  MicroServer(const MicroServer&) = delete;
  MicroServer& operator=(const MicroServer&) = delete;

  Status listen() {
    COE_TRY(const int fd, listening_socket(options_));
    port_ = port_of(fd);
    daemon_ = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
            MHD_USE_ITC,
        0, nullptr, nullptr, &MicroServer::on_request, this, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, options_.max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
        options_.request_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, kHeadBytes,
        MHD_OPTION_THREAD_STACK_SIZE, kThreadStack, MHD_OPTION_NOTIFY_COMPLETED,
        &MicroServer::on_completed, this, MHD_OPTION_NOTIFY_CONNECTION, &MicroServer::on_connection,
        this, MHD_OPTION_END);
    if (daemon_ != nullptr) return {};
    ::close(fd);
    return fail(Code::kIo, fmt::format("{}:{}: the server cannot start", options_.host, port_));
  }

  std::uint16_t port() const override { return port_; }
  std::size_t n_active() const override { return n_active_; }

  void stop_listening() override {
    if (daemon_ == nullptr || listener_closed_) return;
    const int fd = MHD_quiesce_daemon(daemon_);
    if (fd >= 0) ::close(fd);
    listener_closed_ = true;
  }

  void stop() override {
    if (daemon_ == nullptr) return;
    stop_listening();
    MHD_stop_daemon(std::exchange(daemon_, nullptr));
  }

 private:
  static void on_connection(void* self, MHD_Connection* connection, void** /*socket_context*/,
                            MHD_ConnectionNotificationCode code) {
    auto& watchdog = static_cast<MicroServer*>(self)->watchdog_;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
      watchdog.waits(socket_of(connection));
    else
      watchdog.forget(socket_of(connection));
  }

  static void on_completed(void* self, MHD_Connection* connection, void** state,
                           MHD_RequestTerminationCode /*code*/) {
    auto& server = *static_cast<MicroServer*>(self);
    const std::unique_ptr<Incoming> incoming(static_cast<Incoming*>(*state));
    *state = nullptr;
    if (incoming && incoming->taken) --server.n_active_;
    server.watchdog_.waits(socket_of(connection));
  }

  static MHD_Result on_request(void* self, MHD_Connection* connection, const char* url,
                               const char* method, const char* /*version*/, const char* upload,
                               std::size_t* upload_size, void** state) {
    auto& server = *static_cast<MicroServer*>(self);
    if (*state == nullptr) return server.begin(connection, url, method, state);
    auto& incoming = *static_cast<Incoming*>(*state);
    if (*upload_size > 0) return server.take(incoming, {upload, std::exchange(*upload_size, 0)});
    return server.answer(connection, incoming);
  }

  // The head has come.
  MHD_Result begin(MHD_Connection* connection, const char* url, const char* method, void** state) {
    auto incoming = std::make_unique<Incoming>();
    auto& request = incoming->request;
    request.method = method;
    request.path = url;
    request.socket = socket_of(connection);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, &keep_header, &request.headers);
    const auto length = request.headers.find("content-length");
    const bool too_large =
        length != request.headers.end() &&
        std::strtoull(length->second.c_str(), nullptr, 10) > options_.max_body_bytes;
    *state = incoming.release();  // on_completed() frees it
    if (!too_large) return MHD_YES;
    return send(connection, refusal_(MHD_HTTP_CONTENT_TOO_LARGE, size_words()));
  }

  MHD_Result take(Incoming& incoming, std::string_view bytes) const {
    incoming.n_byte += bytes.size();
    if (incoming.n_byte > options_.max_body_bytes + kOverrunBytes) return MHD_NO;
    if (incoming.n_byte > options_.max_body_bytes) {
      incoming.too_large = true;
      incoming.request.body = std::string();
      return MHD_YES;
    }
    incoming.request.body += bytes;
    return MHD_YES;
  }

  MHD_Result answer(MHD_Connection* connection, Incoming& incoming) {
    watchdog_.forget(incoming.request.socket);
    ++n_active_;
    incoming.taken = true;
    if (incoming.too_large)
      return send(connection, refusal_(MHD_HTTP_CONTENT_TOO_LARGE, size_words()));
    return send(connection, handler_(incoming.request));
  }

  static MHD_Result send(MHD_Connection* connection, ServedReply reply) {
    MHD_Response* made = nullptr;
    if (reply.stream)
      made = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kStreamBlock, &read_stream,
                                               reply.stream.release(), &free_stream);
    else
      made = MHD_create_response_from_buffer(reply.body.size(), reply.body.data(),
                                             MHD_RESPMEM_MUST_COPY);
    const ResponsePtr response(made);
    if (!response) return MHD_NO;
    for (const auto& [name, value] : reply.headers)
      MHD_add_response_header(response.get(), name.c_str(), value.c_str());
    return MHD_queue_response(connection, reply.status, response.get());
  }

  std::string size_words() const {
    return fmt::format("the request's body has more than {}", human_bytes(options_.max_body_bytes));
  }

  HttpServerOptions options_;
  Handler handler_;
  Refusal refusal_;
  Watchdog watchdog_;
  std::atomic<std::size_t> n_active_ = 0;
  MHD_Daemon* daemon_ = nullptr;
  bool listener_closed_ = false;
  std::uint16_t port_ = 0;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpServerOptions& options,
                                                      Handler handler, Refusal refusal) {
  auto server = std::make_unique<MicroServer>(options, std::move(handler), std::move(refusal));
  COE_TRY_STATUS(server->listen());
  return server;
}

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  const std::string text(host);
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool client_gone(int socket) {
  char byte = 0;
  const auto n = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

}  // namespace coe
