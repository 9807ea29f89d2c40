// Text inside HTML and SVG.
#pragma once

#include <string>
#include <string_view>

namespace coe {

// Characters that would be taken for markup become references, in text and in quoted attributes.
// Control characters are left out, except for tabs and line ends: XML does not take them.
std::string escaped_markup(std::string_view text);

}  // namespace coe
