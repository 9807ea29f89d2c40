#include "coe/corpus/foreign_file.h"

#include "coe/base/file_kind.h"
#include "coe/base/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

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

constexpr std::size_t kTarHeader = 512;

// POSIX.1-1988: a header of 512 bytes with "ustar" at byte 257 and, at byte 148, the sum of its
// bytes in octal digits, where the eight bytes of the sum itself count as spaces. Text may have the
// word in its place, but not the sum.
bool is_tar_header(std::string_view start) {
  constexpr std::size_t kMagic = 257;
  constexpr std::size_t kSum = 148;
  constexpr std::size_t kSumSize = 8;
  if (start.size() < kTarHeader || !start.substr(kMagic).starts_with("ustar")) return false;
  std::string_view digits = start.substr(kSum, kSumSize);
  digits.remove_prefix(std::min(digits.find_first_not_of(' '), digits.size()));
  unsigned stored = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), stored, 8);
  unsigned sum = kSumSize * ' ';
  for (std::size_t i = 0; i < kTarHeader; ++i)
    if (i < kSum || i >= kSum + kSumSize) sum += static_cast<unsigned char>(start[i]);
  return read.ec == std::errc() && stored == sum;
}

}  // namespace

FileKind foreign_kind(std::string_view bytes) {
  const std::string_view start = bytes.substr(0, kTarHeader);
  FileKind kind = match_signature(start, kSignatures);
  if (kind.what.empty()) kind = file_kind(start);
  if (kind.what.empty() && is_tar_header(start))
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
