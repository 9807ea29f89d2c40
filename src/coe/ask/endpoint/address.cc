#include "coe/ask/endpoint/address.h"

#include "coe/base/printable.h"
#include "coe/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <curl/curl.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

namespace {

constexpr std::string_view kHint =
    "an address is host:port or a URL, such as http://127.0.0.1:8080 or https://host/v1";

auto bad_address(std::string_view text, std::string_view why) {
  return fail(Code::kInvalidArgument, fmt::format("endpoint `{}`: {}", printable(text), why),
              std::string(kHint));
}

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(char* part) const { curl_free(part); }
};

// A URL taken apart by libcurl, as it will take it apart to send a request.
class Url {
 public:
  Url() : url_(curl_url()) { COE_CHECK(url_ != nullptr); }
  CURLUcode parse(const std::string& text) {
    return curl_url_set(url_.get(), CURLUPART_URL, text.c_str(),
                        CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS);
  }
  std::optional<std::string> part(CURLUPart which) const {
    char* text = nullptr;
    if (curl_url_get(url_.get(), which, &text, 0) != CURLUE_OK) return std::nullopt;
    return std::string(std::unique_ptr<char, UrlDeleter>(text).get());
  }

 private:
  std::unique_ptr<CURLU, UrlDeleter> url_;
};

bool remove_suffix(std::string& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.resize(text.size() - suffix.size());
  return true;
}

// "v1", "v4", "v1beta", "v1alpha2".
bool is_version(std::string_view folder) {
  if (!folder.starts_with('v') || folder.size() > 12) return false;
  const auto digits = folder.find_first_not_of("0123456789", 1);
  if (digits == 1 || folder.size() == 1) return false;
  auto rest = folder.substr(std::min(digits, folder.size()));
  for (const std::string_view stage : {"alpha", "beta"})
    if (rest.starts_with(stage)) rest.remove_prefix(stage.size());
  return rest.find_first_not_of("0123456789") == std::string_view::npos;
}

// Where the folder of a path begins that is a version, and where it ends; npos: there is none.
std::pair<std::size_t, std::size_t> version_in(std::string_view path) {
  for (auto at = path.rfind('/'); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : path.rfind('/', at - 1)) {
    const auto end = std::min(path.find('/', at + 1), path.size());
    if (is_version(path.substr(at + 1, end - at - 1))) return {at, end};
  }
  return {std::string_view::npos, std::string_view::npos};
}

}  // namespace

std::string_view api_name(Api api) {
  switch (api) {
    case Api::kOpenAi:
      return "openai";
    case Api::kOllama:
      return "ollama";
    case Api::kAuto:
      break;
  }
  return "auto";
}

Result<Api> parse_api(std::string_view name) {
  for (const auto api : {Api::kAuto, Api::kOpenAi, Api::kOllama}) {
    if (api_name(api) == name) return api;
  }
  return fail(Code::kInvalidArgument, fmt::format("no protocol is called `{}`", printable(name)),
              "openai, ollama or auto");
}

Result<Address> parse_address(std::string_view text) {
  if (std::ranges::any_of(text, [](unsigned char c) { return c <= 0x20 || c == 0x7f; }))
    return bad_address(text, "blanks and control characters have no place in it");
  const bool has_scheme = text.find("://") != std::string_view::npos;
  const std::string whole = has_scheme ? std::string(text) : "http://" + std::string(text);
  Url url;
  const auto parsed = url.parse(whole);
  // Not shown: it may hold a key.
  if (text.find('@') != std::string_view::npos &&
      (parsed != CURLUE_OK || url.part(CURLUPART_USER) || url.part(CURLUPART_PASSWORD)))
    return fail(Code::kInvalidArgument, "endpoint: an address with a user or a password",
                "put the key into the environment variable COE_API_KEY");
  // After a third slash libcurl would take the first folder for the host.
  if (parsed == CURLUE_NO_HOST || whole[whole.find("://") + 3] == '/')
    return bad_address(text, "there is no host");
  if (parsed != CURLUE_OK) return bad_address(text, lower_ascii(curl_url_strerror(parsed)));
  const auto scheme = url.part(CURLUPART_SCHEME).value_or("");
  if (scheme != "http" && scheme != "https")
    return bad_address(text, "only http and https are spoken here");
  if (url.part(CURLUPART_QUERY) || url.part(CURLUPART_FRAGMENT))
    return bad_address(text, "nothing may follow the path");

  std::string server = scheme + "://" + url.part(CURLUPART_HOST).value_or("");
  if (const auto port = url.part(CURLUPART_PORT)) server += ":" + *port;
  std::string path = url.part(CURLUPART_PATH).value_or("");
  while (path.ends_with('/')) path.pop_back();
  Address address;
  if (remove_suffix(path, "/chat/completions")) {
    address.api = Api::kOpenAi;
    address.openai = server + path;
  } else if (remove_suffix(path, "/api/chat") || remove_suffix(path, "/api")) {
    address.api = Api::kOllama;
  }
  // An OpenAI-compatible path ends in its version, or has it further before: …/v1beta/openai.
  if (const auto [version, end] = version_in(path); version != std::string_view::npos) {
    if (address.api == Api::kAuto) address.api = Api::kOpenAi;
    address.openai = server + path;
    if (end == path.size()) path.resize(version);
  }
  address.root = server + path;
  if (address.openai.empty()) address.openai = address.root + "/v1";
  address.ollama = address.root + "/api";
  return address;
}

}  // namespace coe
