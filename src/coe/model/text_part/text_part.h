// The text part of a file that holds more than a text model: Ollama's own conversions carry a
// vision or audio tower in the same GGUF, and name a few things in a way of their own. llama.cpp
// loads none of them as they are ("wrong number of tensors"). What it is given instead is a view of
// the file: without the tower, under llama.cpp's names. The file itself stays what it is, and
// surgery keeps all of it. Source: Ollama, convert/convert_gemma4.go and
// llama/compat/llama-ollama-compat.cpp (handle_gemma4).
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/gguf/gguf_source.h"
#include "coe/model/gguf/reader.h"

#include <cstdint>
#include <memory>
#include <string_view>

namespace coe {

// Says whether a tensor is one of a tower or of its projector: "v.blk.0.attn_q.weight",
// "mm.input_projection.weight", "a.blk.…". No text model that llama.cpp knows has such names.
bool is_tower_tensor(std::string_view name);

// Bytes of the tower's tensors; 0 where there is none.
std::uint64_t tower_bytes(const gguf::Header& header);

// Says whether llama.cpp needs the view below to load the model.
bool needs_text_part(const gguf::Header& header);
// The same of a file; false for one that cannot be read, of which the engine says what is wrong.
bool needs_text_part(const Path& file);

// The bytes of the view as one file. It keeps `file` open. Errors: those of encode_header.
Result<std::shared_ptr<const gguf::GgufSource>> text_part(gguf::GgufFile file);

}  // namespace coe
