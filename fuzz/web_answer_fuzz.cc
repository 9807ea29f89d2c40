// Models may write any bytes for the web suite: they give some code, or an error of one line; no
// fence inside the code of a closed block could have closed it. The first byte chooses the format.
#include "coe/base/result.h"
#include "coe/measure/webgen/extract.h"

#include "require.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto format = static_cast<coe::WebFormat>(data[0] % 4);
  std::size_t n_code = 0;
  const auto blocks = coe::code_blocks(text);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    n_code += blocks[i].code.size();
    require(blocks[i].closed || i + 1 == blocks.size());
  }
  require(n_code <= text.size() + 1);  // a last line without a newline gets one
  const auto answer = coe::extract_answer(text, format);
  if (answer)
    require(!answer->empty());
  else
    require_plain(answer.error(), {coe::Code::kNotFound});
  return 0;
}
