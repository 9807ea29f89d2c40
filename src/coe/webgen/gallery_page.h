// The page of a gallery, web/gallery.html, as the build has put it into the program.
#pragma once

#include <string_view>

namespace coe {

extern const std::string_view kGalleryPage;

}  // namespace coe
