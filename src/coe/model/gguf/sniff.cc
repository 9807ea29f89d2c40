#include "coe/model/gguf/sniff.h"

#include "coe/model/gguf/encoding.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace coe::gguf {
namespace {

constexpr std::string_view kConvert =
    "convert the model to GGUF first, with llama.cpp's convert_hf_to_gguf.py";
constexpr std::string_view kOldForm = "convert the original model again with a current llama.cpp";

using std::string_view_literals::operator""sv;

// The first three are magics of llama.cpp's formats before GGUF, little-endian words in the file.
constexpr std::array kSignatures = {
    FileSignature{"lmgg", {"a GGML file of 2023, the form before GGUF", kOldForm}},
    FileSignature{"tjgg", {"a GGJT file of 2023, the form before GGUF", kOldForm}},
    FileSignature{"fmgg", {"a GGMF file of 2023, the form before GGUF", kOldForm}},
    FileSignature{"PK\x03\x04", {"a zip archive, as PyTorch checkpoints are", kConvert}},
    FileSignature{"\x80\x02"sv, {"a Python pickle, as old PyTorch checkpoints are", kConvert}},
    FileSignature{"\x7f"
                  "ELF"sv,
                  {"a program", ""}},
};

}  // namespace

FileKind sniff(std::span<const std::byte> bytes) {
  if (bytes.empty()) return {"an empty file", "download or copy it again"};
  constexpr std::size_t kLooked = 512;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              std::min(bytes.size(), kLooked));
  if (const FileKind kind = match_signature(text, kSignatures); !kind.what.empty()) return kind;
  // safetensors: u64 length of a JSON header, then the header.
  if (text.size() > 9 && text[8] == '{' && load_little<std::uint64_t>(bytes.data()) < bytes.size())
    return {"a safetensors file", kConvert};
  const FileKind kind = file_kind(text);
  if (!kind.what.empty()) return kind;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') return {"a JSON text", ""};
  return {};
}

}  // namespace coe::gguf
