// How a JSONL record becomes text. Source: method section 1: a field name, fields joined by `+`
// (newline between), or a template with {field} ("{{" and "}}" are literal braces).
#pragma once

#include "coe/base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace coe {

class TextSpec {
 public:
  // Errors: kInvalidArgument, with the position in the spec.
  static Result<TextSpec> parse(std::string_view spec);

  // `json_line` is one JSON object. Errors: kCorrupt (not JSON, not an object, the field is no
  // string), kNotFound (no such field; the hint lists those there are). Messages do not name file
  // and line: the caller does.
  Result<std::string> render(std::string_view json_line) const;

 private:
  struct Part {
    bool is_field = false;
    std::string text;
  };
  std::vector<Part> parts_;
};

}  // namespace coe
