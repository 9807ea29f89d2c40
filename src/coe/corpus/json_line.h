// A line of a JSONL file is a JSON object. Of its members this keeps the values of strings and
// numbers only.
#pragma once

#include "coe/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct JsonMember {
  enum class Kind : std::uint8_t { kString, kNumber, kBoolean, kNull, kArray, kObject };
  std::string name;
  Kind kind = Kind::kNull;
  std::string text;     // of a string
  double number = 0.0;  // of a number
};

// "a string", "an array", … for messages.
std::string_view kind_name(JsonMember::Kind kind);

// Values nested in arrays and objects are checked but not kept. However deep they nest, no stack is
// needed. Errors: kCorrupt: not UTF-8, not JSON (with the byte), or not an object.
Result<std::vector<JsonMember>> parse_json_line(std::string_view line);

// Returns the last member of that name, as JSON readers take it, or null.
const JsonMember* find_member(const std::vector<JsonMember>& members, std::string_view name);

}  // namespace coe
