// Messages of a browser on arbitrary bytes: an object that can be printed, or nothing.
#include "coe/base/utf8.h"
#include "coe/measure/browser/devtools.h"

#include "require.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message =
      coe::parse_message(std::string_view(reinterpret_cast<const char*>(data), size));
  require(message.is_discarded() || message.is_object());
  if (message.is_discarded()) return 0;
  require(coe::find_invalid_utf8(coe::json_text(message)) == std::string_view::npos);
  return 0;
}
