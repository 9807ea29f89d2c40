// The page that the college shows at `/`: its files are part of the program, so that serving them
// reads no disk.
#pragma once

#include "coe/base/embedded_file.h"

#include <span>
#include <string_view>

namespace coe {

// All files of the page; their paths are those of requests. It asks the server for nothing else but
// `v1/models` and `v1/chat/completions`.
std::span<const EmbeddedFile> page_files();

// What `Content-Security-Policy` must say with each of them. Answers are hostile: even if one
// became a part of the page, nothing of it would run, and nothing would be loaded from or sent to
// elsewhere. The page keeps to it, which a test in a browser shows.
inline constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace coe
