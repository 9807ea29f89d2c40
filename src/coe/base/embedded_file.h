// A file that is a part of the program: cmake/embed_files.cmake makes a source of it.
#pragma once

#include <string_view>

namespace coe {

struct EmbeddedFile {
  std::string_view path;          // "/", "/page.js"
  std::string_view content_type;  // as HTTP names it
  std::string_view bytes;
};

}  // namespace coe
