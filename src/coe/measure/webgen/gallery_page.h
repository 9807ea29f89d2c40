// The page of a gallery, web/gallery.html, as the build has put it into the program.
#pragma once

#include <string_view>

namespace coe {

std::string_view gallery_page();

}  // namespace coe
