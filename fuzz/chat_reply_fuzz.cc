// The readers of chat replies on arbitrary bytes: text and counts, or an error of one line, and the
// same however the bytes are cut. The first byte says how: its lowest bit chooses the protocol, the
// rest where the body is cut; the rest of the input is the body.
#include "coe/ask/endpoint/reply_reader.h"
#include "coe/base/result.h"

#include "require.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

struct Reading {
  std::string text;
  coe::ReplySummary summary;
  std::string error;
};

Reading read(coe::Api api, std::string_view body, std::size_t piece) {
  Reading out;
  coe::ReplyReader reader(api, [&](const coe::ReplyDelta& delta) {
    out.text += delta.thinking + '\0' + delta.content + '\0';
    return coe::Status();
  });
  coe::Status status;
  while (status && !body.empty()) {
    status = reader.feed(body.substr(0, piece));
    body.remove_prefix(std::min(piece, body.size()));
  }
  if (status) status = reader.finish();
  if (!status) {
    require(status.error().code == coe::Code::kEngine ||
            status.error().code == coe::Code::kCorrupt);
    require(status.error().message.find('\n') == std::string::npos);
    out.error = status.error().message;
  }
  out.summary = reader.summary();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto api = (data[0] & 1U) != 0 ? coe::Api::kOllama : coe::Api::kOpenAi;
  const auto whole = read(api, body, std::max<std::size_t>(1, body.size()));
  const auto cut = read(api, body, std::size_t{data[0]} / 2 + 1);
  require(whole.error == cut.error && whole.text == cut.text);
  require(whole.summary.ended == cut.summary.ended && whole.summary.cut == cut.summary.cut);
  require(whole.summary.n_piece == cut.summary.n_piece);
  require(whole.summary.n_token == cut.summary.n_token);
  require(whole.error.empty() ? whole.summary.ended : true);
  require(coe::error_message(body).find('\n') == std::string::npos);
  static_cast<void>(coe::parse_model_list(body));
  return 0;
}
