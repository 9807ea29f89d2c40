// This makes one HTTP exchange through libcurl and hands the body on as it
// comes.
#pragma once

#include "coe/ask/endpoint/rate_limit.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct HttpLimits {
  double connect_seconds = 10.0;
  // Without a byte, also before the first: a long prompt takes a while.
  double idle_seconds = 300.0;
  // In all. Some servers send comments, or a byte now and then, without end. 0:
  // any time.
  double total_seconds = 7200.0;
};

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::optional<std::string> body;   // JSON to POST; none: GET
};

struct HttpReply {
  long status = 0;
  std::string body;      // of a status other than 2xx; no more than 64 KiB of it are read
  HttpHeaders headers;   // those that say how long to wait: retry-after*, x-ratelimit-*
  bool stopped = false;  // by the reader, or at the end of those 64 KiB
};

// A reader is given the body of a 2xx reply. When it returns false, it has
// enough and the connection is closed.
using HttpReader = std::function<bool(std::string_view bytes)>;

// Redirections are not followed: they would take the key elsewhere. The
// environment's proxies are used, but not for this machine. Errors: kNotFound
// when nobody listens there, kEngine when the server cannot be reached, breaks
// off, or a limit is passed, naming the URL; kCancelled. Several threads may
// call it at once, each with its own observer, which is asked nothing but
// cancelled().
Result<HttpReply> http_exchange(const HttpRequest& request, const HttpLimits& limits,
                                const HttpReader& reader, Observer& observer);

}  // namespace coe
