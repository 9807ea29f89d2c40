// This is a pattern that a user wrote, in the syntax of RE2: matching takes time linear in the
// text.
#pragma once

#include "coe/base/result.h"

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace coe {

class Regex {
 public:
  // Errors: kInvalidArgument saying what RE2 has against it.
  static Result<Regex> compile(std::string_view pattern);
  // Says whether some part of `text`, which is UTF-8, matches.
  bool found_in(std::string_view text) const;

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace coe
