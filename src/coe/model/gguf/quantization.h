// How a file's weights are stored, in the words of those who publish them.
#pragma once

#include "coe/model/gguf/reader.h"

#include <string>

namespace coe::gguf {

// llama.cpp's name of general.file_type, for what most of a file's weights are: "Q4_K_M". Empty
// where the file does not say.
std::string quantization_of(const Header& header);

// The type that most bytes of the tensors have: "Q4_K". Empty without tensors.
std::string most_common_type(const Header& header);

}  // namespace coe::gguf
