// A file that was given as text, on arbitrary bytes: it must give a corpus of non-empty UTF-8 whose
// pieces are no longer than they may be, or an error of one line that names the file. The first
// line of the input is the file's name, the rest its bytes.
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/utf8.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/intake/ignore_rules.h"
#include "coe/corpus/intake/take_text.h"

#include "require.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace {

// A template that refuses some chats.
coe::Result<coe::ModelHooks> model() {
  coe::ModelHooks hooks;
  hooks.render_chat = [](std::span<const coe::ChatTurn> turns) -> coe::Result<std::string> {
    std::string out;
    for (const auto& turn : turns) {
      if (!turn.thinking.empty() || !turn.tool_calls.empty())
        return coe::fail(coe::Code::kCorrupt, "no place for it");
      out += turn.role + ": " + turn.content + "\n";
    }
    return out;
  };
  return hooks;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto newline = input.find('\n');
  constexpr std::size_t kLongestName = 40;
  std::string name(input.substr(0, std::min(newline, kLongestName)));
  for (char& c : name) {
    if (c == '/' || c < ' ' || c > '~') c = '_';
  }
  if (name.empty() || name == "-") name = "f";
  const std::string_view bytes =
      newline == std::string_view::npos ? std::string_view() : input.substr(newline + 1);

  // Rules of any text decide on any path.
  (void)coe::IgnoreRules(bytes).leaves_out(name, size % 2 == 0);

  coe::TakeOptions options;
  options.model = model;
  const auto text = coe::take_bytes(bytes, name, options, coe::silent_observer());
  if (!text) {
    require_plain(text.error(), {coe::Code::kCorrupt, coe::Code::kNotFound});
    require(text.error().message.rfind(name, 0) == 0);
    return 0;
  }
  const auto& taken = text->taken;
  require(text->corpus.n_record() == taken.n_piece + taken.n_record + taken.n_chat);
  require(!coe::taken_text(taken).empty());
  for (const auto& domain : text->corpus.domains) {
    for (const auto& record : domain.records) {
      require(!record.text.empty());
      require(coe::find_invalid_utf8(record.text) == std::string_view::npos);
      if (taken.n_file > 0) require(coe::count_chars(record.text) <= coe::kPieceChars);
    }
  }
  return 0;
}
