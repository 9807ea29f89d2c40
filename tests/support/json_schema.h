// Holds a JSON document to one of schemas/, for tests: the words of JSON Schema that those use. A
// word that it does not know is a finding, too.
#pragma once

#include "coe/base/json.h"

#include <algorithm>
#include <re2/re2.h>
#include <set>
#include <string>
#include <vector>

namespace coe::testing {

class JsonSchema {
 public:
  explicit JsonSchema(nlohmann::json schema) : schema_(std::move(schema)) {}

  // Says what does not hold, with its place; empty: all does.
  std::vector<std::string> violations(const nlohmann::json& document) const {
    std::vector<std::string> out;
    check(schema_, document, "$", out);
    return out;
  }

 private:
  using Json = nlohmann::json;

  static bool has_type(const Json& value, const std::string& type) {
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    return type == "null" && value.is_null();
  }

  void check(const Json& schema, const Json& value, const std::string& at,
             std::vector<std::string>& out) const {
    const auto bad = [&](const std::string& why) { out.push_back(at + " " + why); };
    for (const auto& [word, rule] : schema.items()) {
      if (word == "$ref") {
        const auto name = rule.get<std::string>();
        check(schema_.at(Json::json_pointer(name.substr(1))), value, at, out);
      } else if (word == "type") {
        const auto types = rule.is_array() ? rule.get<std::vector<std::string>>()
                                           : std::vector{rule.get<std::string>()};
        if (std::ranges::none_of(types, [&](const auto& t) { return has_type(value, t); }))
          bad("is no " + rule.dump());
      } else if (word == "const") {
        if (value != rule) bad("is not " + rule.dump());
      } else if (word == "enum") {
        if (std::ranges::find(rule, value) == rule.end()) bad("is none of " + rule.dump());
      } else if (word == "anyOf") {
        if (std::ranges::none_of(rule, [&](const Json& option) {
              std::vector<std::string> inner;
              check(option, value, at, inner);
              return inner.empty();
            }))
          bad("fits no option");
      } else if (word == "pattern") {
        if (value.is_string() &&
            !RE2::PartialMatch(value.get<std::string>(), rule.get<std::string>()))
          bad("does not match " + rule.dump());
      } else if (word == "minLength") {
        if (value.is_string() && value.get<std::string>().size() < rule) bad("is too short");
      } else if (word == "minimum") {
        if (value.is_number() && value < rule) bad("is too small");
      } else if (word == "minItems") {
        if (value.is_array() && value.size() < rule) bad("has too few items");
      } else if (word == "required") {
        if (!value.is_object()) continue;
        for (const auto& key : rule)
          if (!value.contains(key)) bad("lacks " + key.dump());
      } else if (word == "properties") {
        if (!value.is_object()) continue;
        for (const auto& [key, inner] : rule.items())
          if (value.contains(key)) check(inner, value.at(key), at + "." + key, out);
        // Nothing is written that the schema does not say.
        for (const auto& [key, inner] : value.items())
          if (!rule.contains(key)) bad("has " + key);
      } else if (word == "items") {
        if (!value.is_array()) continue;
        for (std::size_t i = 0; i < value.size(); ++i)
          check(rule, value[i], at + "[" + std::to_string(i) + "]", out);
      } else if (static const std::set<std::string> kSilent = {"$schema", "title", "description",
                                                               "$defs"};
                 !kSilent.contains(word)) {
        bad("is held to a word that this check does not know: " + word);
      }
    }
  }

  Json schema_;
};

}  // namespace coe::testing
