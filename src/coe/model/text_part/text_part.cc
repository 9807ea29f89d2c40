#include "coe/model/text_part/text_part.h"

#include "coe/model/gguf/typed_keys.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe {

namespace {

constexpr std::array<std::string_view, 4> kTowerStarts = {"v.", "mm.", "a.", "model.vision_tower."};
constexpr std::string_view kTokenizer = "tokenizer.ggml.model";

// Ollama's name of a tensor of a block, and llama.cpp's.
constexpr std::string_view kOllamaScale = ".ffn_gate_inp.per_expert_scale";
constexpr std::string_view kScale = ".ffn_down_exps.scale";

bool is_gemma4(const gguf::Header& header) {
  return gguf::text_at(header, "general.architecture") == "gemma4";
}

// Gemma 4's vocabulary is BPE. Ollama writes the merges, and calls it "llama" all the same.
bool has_ollama_tokenizer(const gguf::Header& header) {
  return is_gemma4(header) && gguf::text_at(header, kTokenizer) == "llama" &&
         header.find_key("tokenizer.ggml.merges") != nullptr;
}

bool has_ollama_name(const gguf::Header& header, const gguf::TensorInfo& tensor) {
  return is_gemma4(header) && tensor.name.starts_with("blk.") &&
         tensor.name.ends_with(kOllamaScale);
}

class TextPart : public gguf::GgufSource {
 public:
  TextPart(gguf::GgufFile file, gguf::Header header, std::vector<std::byte> header_bytes,
           std::vector<std::size_t> sources)
      : file_(std::move(file)),
        name_(file_.path().string()),
        header_(std::move(header)),
        header_bytes_(std::move(header_bytes)),
        sources_(std::move(sources)) {}

  const std::string& name() const override { return name_; }
  const gguf::Header& header() const override { return header_; }

  Status read(std::uint64_t position, std::span<std::byte> out) const override {
    COE_CHECK(out.size() <= header_.file_bytes && position <= header_.file_bytes - out.size());
    while (!out.empty()) {
      COE_TRY(const auto n, read_some(position, out));
      position += n;
      out = out.subspan(n);
    }
    return {};
  }

  Status check_unchanged() const override { return file_.check_unchanged(); }

 private:
  // Reads from one piece: the header, a tensor, or the zeros behind it. Returns how many bytes.
  Result<std::size_t> read_some(std::uint64_t position, std::span<std::byte> out) const {
    const auto upto = [&](std::uint64_t end) {
      return out.first(
          static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), end - position)));
    };
    if (position < header_bytes_.size()) {
      const auto part = upto(header_bytes_.size());
      std::memcpy(part.data(), header_bytes_.data() + position, part.size());
      return part.size();
    }
    const std::uint64_t offset = position - header_.data_offset;
    const auto next =
        std::ranges::upper_bound(header_.tensors, offset, {}, &gguf::TensorInfo::offset);
    const auto index = static_cast<std::size_t>(next - header_.tensors.begin()) - 1;
    const auto& tensor = header_.tensors[index];
    if (offset < tensor.offset + tensor.n_bytes) {
      const auto part = upto(header_.data_offset + tensor.offset + tensor.n_bytes);
      const auto& source = file_.header().tensors[sources_[index]];
      COE_TRY_STATUS(file_.read(source, offset - tensor.offset, part));
      return part.size();
    }
    const auto part = upto(next == header_.tensors.end() ? header_.file_bytes
                                                         : header_.data_offset + next->offset);
    std::ranges::fill(part, std::byte{0});
    return part.size();
  }

  gguf::GgufFile file_;
  std::string name_;
  gguf::Header header_;
  std::vector<std::byte> header_bytes_;
  std::vector<std::size_t> sources_;  // of each tensor, its index in the file
};

}  // namespace

bool is_tower_tensor(std::string_view name) {
  return std::ranges::any_of(kTowerStarts,
                             [&](std::string_view start) { return name.starts_with(start); });
}

std::uint64_t tower_bytes(const gguf::Header& header) {
  std::uint64_t bytes = 0;
  for (const auto& tensor : header.tensors)
    if (is_tower_tensor(tensor.name)) bytes += tensor.n_bytes;
  return bytes;
}

bool needs_text_part(const gguf::Header& header) {
  return has_ollama_tokenizer(header) ||
         std::ranges::any_of(header.tensors, [&](const gguf::TensorInfo& tensor) {
           return is_tower_tensor(tensor.name) || has_ollama_name(header, tensor);
         });
}

bool needs_text_part(const Path& file) {
  const auto opened = gguf::GgufFile::open(file);
  return opened && needs_text_part(opened->header());
}

Result<std::shared_ptr<const gguf::GgufSource>> text_part(gguf::GgufFile file) {
  const gguf::Header& whole = file.header();
  gguf::Header header;
  header.alignment = whole.alignment;
  header.keys = whole.keys;  // a copy shares the values
  if (has_ollama_tokenizer(whole))
    for (auto& item : header.keys)
      if (item.key == kTokenizer) item.value = gguf::Value::string("gemma4");
  std::vector<std::size_t> sources;
  for (std::size_t i = 0; i < whole.tensors.size(); ++i) {
    auto tensor = whole.tensors[i];
    if (is_tower_tensor(tensor.name)) continue;
    if (has_ollama_name(whole, tensor))
      tensor.name.replace(tensor.name.size() - kOllamaScale.size(), kOllamaScale.size(), kScale);
    tensor.part = 0;
    header.tensors.push_back(std::move(tensor));
    sources.push_back(i);
  }
  COE_TRY(auto bytes, gguf::encode_header(header));
  return std::make_shared<TextPart>(std::move(file), std::move(header), std::move(bytes),
                                    std::move(sources));
}

}  // namespace coe
