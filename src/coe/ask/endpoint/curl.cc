#include "coe/ask/endpoint/curl.h"

#include <cstdlib>

namespace coe {

bool curl_ready() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

std::string no_proxy() {
  for (const char* name : {"no_proxy", "NO_PROXY"}) {
    if (const char* value = std::getenv(name); value != nullptr)
      return std::string(value) + ",localhost,127.0.0.1,::1";
  }
  return "localhost,127.0.0.1,::1";
}

void add_header(ListPtr& headers, const char* line) {
  // The list's head stays what it is, but for the first line.
  curl_slist* list = curl_slist_append(headers.get(), line);
  if (list != nullptr && list != headers.get()) headers.reset(list);
}

}  // namespace coe
