#include "coe/base/file_kind.h"

#include "coe/base/text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace coe {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::array kSignatures = {
    FileSignature{"\x1f\x8b"sv, {"a gzip archive", "unpack it first: gunzip -k FILE.gz"}},
    FileSignature{"\xfd"
                  "7zXZ"sv,
                  {"an xz archive", "unpack it first: xz -dk FILE.xz"}},
    FileSignature{"\x28\xb5\x2f\xfd"sv, {"a zstd archive", "unpack it first: zstd -d FILE.zst"}},
    FileSignature{"7z\xbc\xaf\x27\x1c"sv, {"a 7z archive", "unpack it first: 7z x FILE.7z"}},
    FileSignature{"Rar!", {"a RAR archive", "unpack it first: unar FILE.rar"}},
    FileSignature{"BZh", {"a bzip2 archive", "unpack it first: bunzip2 -k FILE.bz2"}},
    FileSignature{"version https://git-lfs",
                  {"a git-lfs pointer, not the file it points to", "fetch the file: git lfs pull"}},
    FileSignature{"\xff\xfe"sv,
                  {"text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE > OUT"}},
    FileSignature{"\xfe\xff"sv,
                  {"text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE > OUT"}},
};

std::string lower_start(std::string_view text) {
  constexpr std::size_t kLooked = 16;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string() : lower_ascii(text.substr(first, kLooked));
}

}  // namespace

FileKind match_signature(std::string_view start, std::span<const FileSignature> signatures) {
  const auto found = std::ranges::find_if(
      signatures, [&](const FileSignature& known) { return start.starts_with(known.prefix); });
  return found == signatures.end() ? FileKind() : found->kind;
}

FileKind file_kind(std::string_view start) {
  if (const FileKind kind = match_signature(start, kSignatures); !kind.what.empty()) return kind;
  const std::string words = lower_start(start);
  if (words.starts_with("<!doctype html") || words.starts_with("<html"))
    return {"an HTML page, as a failed download leaves behind", "download it again"};
  if (!start.empty() && start.find_first_not_of('\0') == std::string_view::npos)
    return {"zeros at its start, as an unfinished download leaves behind", "download it again"};
  return {};
}

}  // namespace coe
