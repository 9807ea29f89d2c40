// One request handed on to a model's server, and its reply handed back while it comes.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/college/serve/http_server.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace coe {

// A server that listens on a Unix socket of ours, or at an address.
struct RelayTarget {
  Path socket;      // empty: none
  std::string url;  // with `socket`, of which only the path counts: "http://model/v1/models"
  std::string key;  // sent as a bearer token; empty: none
};

struct RelayLimits {
  double connect_seconds = 10.0;
  // Without a byte, also before the first: a long prompt on a slow machine takes a while. Servers
  // of ours that hang are ended earlier, by those who watch them.
  double idle_seconds = 1800.0;
};

struct RelayRequest {
  std::string method = "POST";
  RelayTarget target;
  std::string body;
  std::string content_type = "application/json";
  int client = -1;               // its connection, which is given up with the client; -1: nobody's
  std::function<bool()> stop{};  // asked ten times a second; whether to give up
};

// Keeps at most a megabyte of what the client has not taken. Used by one thread.
class Relay : public ReplyStream {
 public:
  // Returns when the reply's head and its first bytes are there, or it has ended. Errors: kEngine
  // where the server cannot be reached, breaks off before that or is silent for too long;
  // kCancelled when the client has gone or `stop` says so.
  static Result<std::unique_ptr<Relay>> start(RelayRequest request, const RelayLimits& limits);

  virtual unsigned status() const = 0;
  virtual const std::string& content_type() const = 0;
  // read(): errors as above.
};

// Asks for a path and waits for the whole reply of at most 1 MB: for health checks. Errors: those
// of Relay::start and read; kEngine for a status other than 200.
Result<std::string> fetch(const RelayTarget& target, double seconds);

}  // namespace coe
