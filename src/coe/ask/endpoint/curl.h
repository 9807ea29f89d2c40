// What all users of libcurl need of it here: handles that free themselves, and the proxy's
// exceptions.
#pragma once

#include "coe/base/result.h"

#include <curl/curl.h>
#include <memory>
#include <string>

namespace coe {

struct CurlDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
using EasyPtr = std::unique_ptr<CURL, CurlDeleter>;
using ListPtr = std::unique_ptr<curl_slist, CurlDeleter>;
using MultiPtr = std::unique_ptr<CURLM, MultiDeleter>;

// Says whether the library can be used; the first call makes it ready.
bool curl_ready();

// Opens both handles. Errors: kInternal where the library gives none.
Status open_handles(MultiPtr& multi, EasyPtr& easy);
// Begins what the options of `easy` say. Errors: kInternal.
Status begin_request(const MultiPtr& multi, const EasyPtr& easy);

// Hosts that no proxy is asked for: the environment's own list, and this machine.
std::string no_proxy();

// Adds a line to a list of headers.
void add_header(ListPtr& headers, const char* line);

}  // namespace coe
