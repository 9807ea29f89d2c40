// A model's size in a word, as llama.cpp's converter writes it into `general.size_label`.
#pragma once

#include "coe/model/gguf/reader.h"

#include <span>
#include <string>

namespace coe {

// "64x2.6B": the experts a layer, and the weights of all but the experts together with those of one
// expert. Of a dense model "8.0B", all weights. It is counted from shapes alone. Source: llama.cpp
// v0.5.0, gguf-py/gguf/gguf_writer.py get_total_parameter_count() and utility.py size_label(); an
// expert tensor is one with `_exps.` in its name and three dimensions or more.
std::string size_label(std::span<const gguf::TensorInfo> tensors);

}  // namespace coe
