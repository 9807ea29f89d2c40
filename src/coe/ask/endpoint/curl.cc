#include "coe/ask/endpoint/curl.h"

#include <cstdlib>

namespace coe {

bool curl_ready() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

Status open_handles(MultiPtr& multi, EasyPtr& easy) {
  if (!curl_ready()) return fail(Code::kInternal, "libcurl cannot be initialised");
  multi.reset(curl_multi_init());
  easy.reset(curl_easy_init());
  if (!multi || !easy) return fail(Code::kInternal, "libcurl gives no handle");
  return {};
}

Status begin_request(const MultiPtr& multi, const EasyPtr& easy) {
  if (curl_multi_add_handle(multi.get(), easy.get()) == CURLM_OK) return {};
  return fail(Code::kInternal, "libcurl refuses the request");
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
