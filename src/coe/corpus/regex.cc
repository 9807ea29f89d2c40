#include "coe/corpus/regex.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"

#include <fmt/format.h>

#include <memory>
#include <re2/re2.h>
#include <re2/stringpiece.h>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

Result<Regex> Regex::compile(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto compiled =
      std::make_shared<const re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (compiled->ok()) return Regex(std::move(compiled));
  return fail(Code::kInvalidArgument,
              fmt::format("pattern `{}`: {}", printable(pattern), printable(compiled->error())),
              "patterns are RE2's: no backreferences and no look-around");
}

bool Regex::found_in(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

}  // namespace coe
