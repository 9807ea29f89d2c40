#include "make_model/vocabulary.h"

#include "coe/base/result.h"
#include "coe/model/gguf/encoding.h"

#include "make_model/values.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <string>

namespace coe::tools {
namespace {

using gguf::Value;
using gguf::ValueType;

constexpr std::size_t kSymbols = 8;
constexpr std::uint32_t kGemmaSpecials = 110;

enum class TokenType : std::int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUnused = 5,
  kByte = 6
};

// Strings over eight symbols, by length and then in order: word(0) is the first symbol. Both halves
// of every split of a word are words, as byte pair merges need them.
class Words {
 public:
  explicit Words(std::string_view space) {
    symbols_[0] = space;
    for (std::size_t i = 1; i < kSymbols; ++i) symbols_[i] = std::string(1, "?etaoins"[i]);
  }

  std::string word(std::uint64_t index) const {
    std::string text;
    for (const auto symbol : split(index)) text += symbols_[symbol];
    return text;
  }

  // The ways to put the word together from two: the last symbol alone, and the first one alone.
  std::vector<std::string> merges(std::uint64_t index) const {
    const auto parts = split(index);
    const auto join = [&](std::size_t from, std::size_t to) {
      std::string text;
      for (std::size_t i = from; i < to; ++i) text += symbols_[parts[i]];
      return text;
    };
    const auto n = parts.size();
    if (n < 2) return {};
    std::vector<std::string> out = {join(0, n - 1) + " " + join(n - 1, n)};
    if (n > 2) out.push_back(join(0, 1) + " " + join(1, n));
    return out;
  }

 private:
  static std::vector<std::size_t> split(std::uint64_t index) {
    std::vector<std::size_t> parts = {index % kSymbols};
    while (index >= kSymbols) {
      index = index / kSymbols - 1;
      parts.insert(parts.begin(), index % kSymbols);
    }
    return parts;
  }

  std::array<std::string, kSymbols> symbols_;
};

std::string utf8(std::uint32_t code) {  // of code points below 0x800
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3f))};
}

// How byte-level vocabularies spell a byte: itself where printable, else a letter above U+0100.
std::string byte_letter(std::uint32_t byte) {
  const auto is_plain = [](std::uint32_t b) {
    return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
  };
  if (is_plain(byte)) return utf8(byte);
  std::uint32_t rank = 0;
  for (std::uint32_t b = 0; b < byte; ++b) rank += is_plain(b) ? 0 : 1;
  return utf8(0x100 + rank);
}

std::string gemma_special(std::uint32_t id) {
  constexpr std::array<std::string_view, 5> kFirst = {"<pad>", "<eos>", "<bos>", "<unk>", "<mask>"};
  if (id < kFirst.size()) return std::string(kFirst[id]);
  if (id == 105) return "<|turn>";
  if (id == 106) return "<turn|>";
  return fmt::format("<unused{}>", id);
}

// Arrays of tokens, types and merges, built as the bytes they have in the file: as vectors of
// strings they would take several times the memory.
class Arrays {
 public:
  void token(std::string_view text, TokenType type) {
    gguf::append_text(tokens_, text);
    gguf::append_little(types_, static_cast<std::int32_t>(type));
    ++n_token_;
  }
  void word(const Words& words, std::uint64_t index) {
    token(words.word(index), TokenType::kNormal);
    for (const auto& merge : words.merges(index)) {
      gguf::append_text(merges_, merge);
      ++n_merge_;
    }
  }
  std::uint32_t n_token() const { return n_token_; }

  void append_to(std::vector<gguf::KeyValue>& keys, bool with_scores) const {
    keys.push_back({"tokenizer.ggml.tokens", value(ValueType::kString, n_token_, tokens_)});
    if (with_scores) {
      const std::vector<float> scores(n_token_, -1000.0F);
      keys.push_back({"tokenizer.ggml.scores", array_value<float>(ValueType::kF32, scores)});
    }
    keys.push_back({"tokenizer.ggml.token_type", value(ValueType::kI32, n_token_, types_)});
    keys.push_back({"tokenizer.ggml.merges", value(ValueType::kString, n_merge_, merges_)});
  }

 private:
  static Value value(ValueType element, std::uint64_t count, const std::vector<std::byte>& body) {
    auto bytes = array_head(element, count);
    bytes.insert(bytes.end(), body.begin(), body.end());
    return Value::from_bytes(ValueType::kArray, bytes);
  }

  std::vector<std::byte> tokens_;
  std::vector<std::byte> types_;
  std::vector<std::byte> merges_;
  std::uint32_t n_token_ = 0;
  std::uint64_t n_merge_ = 0;
};

TokenType gemma_type(std::uint32_t id) {
  if (id == 3) return TokenType::kUnknown;
  return id < 5 || id == 105 || id == 106 ? TokenType::kControl : TokenType::kUnused;
}

std::vector<gguf::KeyValue> gemma_keys(std::uint32_t n_token) {
  Arrays arrays;
  for (std::uint32_t id = 0; id < kGemmaSpecials; ++id)
    arrays.token(gemma_special(id), gemma_type(id));
  for (std::uint32_t byte = 0; byte < 256; ++byte)
    arrays.token(fmt::format("<0x{:02X}>", byte), TokenType::kByte);
  arrays.token("\n", TokenType::kNormal);
  const Words words("\xe2\x96\x81");  // ▁
  for (std::uint64_t i = 0; arrays.n_token() < n_token; ++i) arrays.word(words, i);

  std::vector<gguf::KeyValue> keys = {{"tokenizer.ggml.model", Value::string("gemma4")}};
  arrays.append_to(keys, true);
  keys.push_back({"tokenizer.ggml.bos_token_id", Value::u32(2)});
  keys.push_back({"tokenizer.ggml.eos_token_id", Value::u32(1)});
  keys.push_back({"tokenizer.ggml.unknown_token_id", Value::u32(3)});
  keys.push_back({"tokenizer.ggml.padding_token_id", Value::u32(0)});
  keys.push_back({"tokenizer.ggml.mask_token_id", Value::u32(4)});
  keys.push_back({"tokenizer.ggml.eot_token_id", Value::u32(106)});
  keys.push_back({"tokenizer.ggml.add_space_prefix", Value::boolean(false)});
  keys.push_back({"tokenizer.ggml.add_bos_token", Value::boolean(true)});
  return keys;
}

std::vector<gguf::KeyValue> gpt2_keys(std::string_view pre, std::uint32_t n_token) {
  Arrays arrays;
  for (std::uint32_t byte = 0; byte < 256; ++byte)
    arrays.token(byte_letter(byte), TokenType::kNormal);
  const Words words(byte_letter(' '));
  // Words of one symbol are among the bytes.
  for (std::uint64_t i = kSymbols; arrays.n_token() + 1 < n_token; ++i) arrays.word(words, i);
  arrays.token("<|endoftext|>", TokenType::kControl);

  std::vector<gguf::KeyValue> keys = {{"tokenizer.ggml.model", Value::string("gpt2")},
                                      {"tokenizer.ggml.pre", Value::string(pre)}};
  arrays.append_to(keys, false);
  keys.push_back({"tokenizer.ggml.eos_token_id", Value::u32(n_token - 1)});
  keys.push_back({"tokenizer.ggml.padding_token_id", Value::u32(n_token - 1)});
  keys.push_back({"tokenizer.ggml.add_bos_token", Value::boolean(false)});
  return keys;
}

}  // namespace

std::vector<gguf::KeyValue> vocabulary_keys(Tokenizer tokenizer, std::string_view pre,
                                            std::uint32_t n_token) {
  COE_CHECK(n_token >= 1000);
  return tokenizer == Tokenizer::kGemma4 ? gemma_keys(n_token) : gpt2_keys(pre, n_token);
}

std::vector<gguf::KeyValue> no_vocabulary_keys() {
  return {{"tokenizer.ggml.model", Value::string("no_vocab")}};
}

}  // namespace coe::tools
