// Synthetic vocabularies: as many tokens and merges as a real one, of about the same length, so
// that a header weighs what a real header weighs.
#pragma once

#include "coe/model/gguf/value.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace coe::tools {

enum class Tokenizer { kGemma4, kGpt2 };

// The `tokenizer.ggml.*` keys. `pre` is tokenizer.ggml.pre (of kGpt2). n_token must hold the
// special and single-byte tokens (at least 1,000).
std::vector<gguf::KeyValue> vocabulary_keys(Tokenizer tokenizer, std::string_view pre,
                                            std::uint32_t n_token);

// Keys of a model without a vocabulary, fit to be loaded and fed with ids.
std::vector<gguf::KeyValue> no_vocabulary_keys();

}  // namespace coe::tools
