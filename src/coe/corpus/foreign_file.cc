#include "coe/corpus/foreign_file.h"

#include "coe/base/file_kind.h"
#include "coe/base/result.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace coe {
namespace {

using std::string_view_literals::operator""sv;

// pandas reads each of the tables.
constexpr std::array kSignatures = {
    FileSignature{
        "PAR1",
        {"a Parquet table",
         "export it: python3 -c \"import pandas; "
         "pandas.read_parquet('FILE').to_json('OUT.jsonl', orient='records', lines=True)\""}},
    FileSignature{
        "ARROW1",
        {"an Arrow table",
         "export it: python3 -c \"import pandas; "
         "pandas.read_feather('FILE').to_json('OUT.jsonl', orient='records', lines=True)\""}},
    FileSignature{"PK\x03\x04", {"a zip archive", "unpack it first: unzip FILE.zip"}},
    FileSignature{"SQLite format 3", {"an SQLite database", "export its table as JSON Lines"}},
    FileSignature{"GGUF", {"a GGUF model", "give the text here, and the model with -m"}},
    FileSignature{"%PDF-", {"a PDF", "take its text out first: pdftotext FILE.pdf"}},
};

}  // namespace

FileKind foreign_kind(std::string_view bytes) {
  constexpr std::size_t kLooked = 512;
  const std::string_view start = bytes.substr(0, kLooked);
  FileKind kind = match_signature(start, kSignatures);
  if (kind.what.empty()) kind = file_kind(start);
  // A header of tar is padded with NULs; text may have the word in this place.
  constexpr std::size_t kTarMagic = 257;
  if (kind.what.empty() && start.size() > kTarMagic &&
      start.substr(kTarMagic).starts_with("ustar") && start.find('\0') != std::string_view::npos)
    kind = {"a tar archive", "take its files out first: tar xf FILE"};
  return kind;
}

Status refuse_foreign(std::string_view bytes, const Path& name) {
  const FileKind kind = foreign_kind(bytes);
  if (kind.what.empty()) return {};
  return fail(Code::kCorrupt, fmt::format("{}: {}, not JSON Lines", name.string(), kind.what),
              std::string(kind.hint));
}

}  // namespace coe
