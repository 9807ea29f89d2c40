// DevTools sends pictures in Base64. Source: RFC 4648, section 4.
#pragma once

#include "coe/base/result.h"

#include <string>
#include <string_view>

namespace coe {

std::string base64_encode(std::string_view bytes);
// Errors: kCorrupt for other characters, or a length that no encoding has.
Result<std::string> base64_decode(std::string_view text);

}  // namespace coe
