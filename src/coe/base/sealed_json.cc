#include "coe/base/sealed_json.h"

#include "coe/base/hash.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMember = "checksum";

}  // namespace

std::string sealed_json(Json document, int indent) {
  document[kMember] = digest_of(json_text(document));
  return json_text(document, indent) + "\n";
}

Json open_sealed_json(std::string_view text) {
  constexpr int kOther = 500;  // the library's number for what is none of its own errors
  auto document = parse_json_or_throw<Json>(text);
  const auto expected = document.at(kMember).get<std::string>();
  document.erase(kMember);
  if (digest_of(json_text(document)) != expected)
    throw Json::other_error::create(kOther, "the checksum is another", &document);
  return document;
}

}  // namespace coe
