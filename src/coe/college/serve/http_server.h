// A small HTTP server over libmicrohttpd: one thread a connection, bodies and waiting times
// bounded. It knows nothing of models.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct ServedRequest {
  std::string method;
  std::string path;                            // without what follows '?'
  std::map<std::string, std::string> headers;  // names in small letters; of two the last
  std::string body;
  int socket = -1;  // the client's connection, to see whether it is still there
};

// The rest of a reply, which is not known when it begins.
class ReplyStream {
 public:
  virtual ~ReplyStream() = default;
  // Waits for bytes and returns how many it put at the front of `out`, which is not empty; 0: the
  // end. An error breaks the connection off, so that the client sees that something is missing.
  virtual Result<std::size_t> read(std::span<char> out) = 0;
};

struct ServedReply {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::unique_ptr<ReplyStream> stream{};  // where set, the body is what it gives
};

struct HttpServerOptions {
  std::string host = "127.0.0.1";  // an address, or "localhost"
  std::uint16_t port = 8080;       // 0: any that is free
  std::uint64_t max_body_bytes = std::uint64_t{32} << 20;
  unsigned max_connections = 256;
  // From the opening of a connection, or its last reply, to the end of the next request. Who sends
  // a byte now and then is cut off all the same.
  unsigned request_seconds = 30;
};

class HttpServer {
 public:
  // Called in the connection's thread, several at once.
  using Handler = std::function<ServedReply(const ServedRequest&)>;
  // What to say of a request that is refused before the handler sees it: 413, 400.
  using Refusal = std::function<ServedReply(unsigned status, std::string_view why)>;

  // Listens when it returns. Errors: kInvalidArgument for a host that is no address; kIo where the
  // port is taken or may not be used, naming it.
  static Result<std::unique_ptr<HttpServer>> start(const HttpServerOptions& options,
                                                   Handler handler, Refusal refusal);
  virtual ~HttpServer() = default;

  virtual std::uint16_t port() const = 0;
  // Takes no further connections; those that are open go on.
  virtual void stop_listening() = 0;
  // Requests that have been taken and not been answered whole.
  virtual std::size_t n_active() const = 0;
  // Ends every connection, and waits until their threads are gone. Handlers and streams that wait
  // for something else must have been told to end.
  virtual void stop() = 0;
};

// Whether an address, or "localhost", is of this machine alone.
bool is_loopback(std::string_view host);

// Whether the client of this connection has closed it. Bytes that wait to be read say nothing, so
// the answer is then `false`.
bool client_gone(int socket);

}  // namespace coe
