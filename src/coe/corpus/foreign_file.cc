#include "coe/corpus/foreign_file.h"

#include "coe/base/file_kind.h"
#include "coe/base/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace coe {
namespace {

struct Signature {
  std::string_view prefix;
  FileKind kind;
};

using std::string_view_literals::operator""sv;

// pandas reads each of the tables.
constexpr std::array kSignatures = {
    Signature{"PAR1",
              {"a Parquet table",
               "export it: python3 -c \"import pandas; "
               "pandas.read_parquet('FILE').to_json('OUT.jsonl', orient='records', lines=True)\""}},
    Signature{"ARROW1",
              {"an Arrow table",
               "export it: python3 -c \"import pandas; "
               "pandas.read_feather('FILE').to_json('OUT.jsonl', orient='records', lines=True)\""}},
    Signature{"PK\x03\x04", {"a zip archive", "unpack it first: unzip FILE.zip"}},
    Signature{"SQLite format 3", {"an SQLite database", "export its table as JSON Lines"}},
    Signature{"GGUF", {"a GGUF model", "give the text here, and the model with -m"}},
    Signature{"%PDF-", {"a PDF", "take its text out first: pdftotext FILE.pdf"}},
};

}  // namespace

Status refuse_foreign(std::string_view bytes, const Path& name) {
  constexpr std::size_t kLooked = 512;
  const std::string_view start = bytes.substr(0, kLooked);
  const auto* const found = std::ranges::find_if(
      kSignatures, [&](const Signature& known) { return start.starts_with(known.prefix); });
  const FileKind kind = found == kSignatures.end() ? file_kind(start) : found->kind;
  if (kind.what.empty()) return {};
  return fail(Code::kCorrupt, fmt::format("{}: {}, not JSON Lines", name.string(), kind.what),
              std::string(kind.hint));
}

}  // namespace coe
