#include "coe/endpoint/address.h"

#include "coe/base/printable.h"
#include "coe/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
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

bool remove_suffix(std::string& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.resize(text.size() - suffix.size());
  return true;
}

// The end of an OpenAI-compatible path: "/v1", also "/v4" and the like.
std::size_t version_at(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return slash;
  const auto name = path.substr(slash + 1);
  const bool is_version =
      name.size() >= 2 && name.size() <= 3 && name[0] == 'v' &&
      std::ranges::all_of(name.substr(1), [](unsigned char c) { return std::isdigit(c) != 0; });
  return is_version ? slash : std::string_view::npos;
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
  std::string url(text);
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string::npos) {
    url = "http://" + url;
  } else {
    const std::string scheme = lower_ascii(std::string_view(url).substr(0, scheme_end));
    if (scheme != "http" && scheme != "https")
      return bad_address(text, "only http and https are spoken here");
    url.replace(0, scheme_end, scheme);
  }
  if (url.find_first_of("?#") != std::string::npos)
    return bad_address(text, "nothing may follow the path");
  const std::size_t host = url.find("://") + 3;
  const std::size_t path = std::min(url.find('/', host), url.size());
  const auto authority = std::string_view(url).substr(host, path - host);
  // Not shown: it may be a key.
  if (authority.find('@') != std::string_view::npos)
    return fail(Code::kInvalidArgument, "endpoint: an address with a user or a password",
                "put the key into the environment variable COE_API_KEY");
  if (authority.empty() || authority.front() == ':') return bad_address(text, "there is no host");

  while (url.size() > path && url.back() == '/') url.pop_back();
  Address address;
  if (remove_suffix(url, "/chat/completions")) {
    address.api = Api::kOpenAi;
    address.openai = url;
  } else if (remove_suffix(url, "/api/chat") || remove_suffix(url, "/api")) {
    address.api = Api::kOllama;
  }
  if (const std::size_t version = version_at(std::string_view(url).substr(path));
      version != std::string_view::npos) {
    if (address.api == Api::kAuto) address.api = Api::kOpenAi;
    address.openai = url;
    url.resize(path + version);
  }
  if (address.openai.empty()) address.openai = url + "/v1";
  address.ollama = url + "/api";
  address.root = std::move(url);
  return address;
}

}  // namespace coe
