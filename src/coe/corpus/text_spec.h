// A text spec says how a JSONL record becomes text: by a field name, by fields joined by `+` (a
// newline between them), or by a template with {field} ("{{" and "}}" are literal braces). The
// format: docs/formats/corpus.md, "Text spec". Source: docs/method.md, section 1.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/json_line.h"

#include <string>
#include <string_view>
#include <vector>

namespace coe {

class TextSpec {
 public:
  // A spec with a brace in it is a template, any other a list of fields. Blanks around the names of
  // a list are dropped. Errors: kInvalidArgument, with the position (1-based, in bytes) in the
  // spec.
  static Result<TextSpec> parse(std::string_view spec);

  // `json_line` is one JSON object. Errors: kCorrupt (not UTF-8, not JSON, not an object, the field
  // is no string), kNotFound (no such field; the hint lists those there are). Messages do not name
  // file and line: the caller does.
  Result<std::string> render(std::string_view json_line) const;
  // Does the same for a line that is parsed already.
  Result<std::string> render(const std::vector<JsonMember>& members) const;

  // Returns the fields that it names, in order and with repetitions.
  std::vector<std::string> fields() const;

 private:
  struct Part {
    bool is_field = false;
    std::string text;  // the field's name, or text to copy
  };
  std::vector<Part> parts_;
};

}  // namespace coe
