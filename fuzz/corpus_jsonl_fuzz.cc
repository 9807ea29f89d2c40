// The JSONL loader on arbitrary bytes: it must give a corpus whose texts are non-empty UTF-8, or an
// error that names the file, and the same for the same bytes with Windows line ends. The first line
// of the input is the text spec, the rest the file.
#include "coe/base/result.h"
#include "coe/base/utf8.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/text_spec.h"

#include "require.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

std::string with_carriage_returns(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto newline = input.find('\n');
  const auto spec = coe::TextSpec::parse(input.substr(0, newline));
  if (!spec) {
    require(spec.error().code == coe::Code::kInvalidArgument);
    require(spec.error().message.find('\n') == std::string::npos);
    return 0;
  }
  require(!spec->fields().empty());
  const std::string_view jsonl =
      newline == std::string_view::npos ? std::string_view() : input.substr(newline + 1);
  const auto corpus = coe::parse_corpus(jsonl, "input.jsonl", *spec);
  if (!corpus) {
    require(corpus.error().message.rfind("input.jsonl", 0) == 0);
    require(corpus.error().message.find('\n') == std::string::npos);
    return 0;
  }
  require(corpus->n_record() > 0);
  for (const auto& domain : corpus->domains) {
    require(domain.weight > 0.0 && !domain.name.empty() && !domain.records.empty());
    for (const auto& record : domain.records) {
      require(!record.text.empty());
      require(coe::find_invalid_utf8(record.text) == std::string_view::npos);
    }
  }
  const auto again = coe::parse_corpus(with_carriage_returns(jsonl), "input.jsonl", *spec);
  require(again.has_value() && again->digest == corpus->digest);
  return 0;
}
