// Parts of a GGUF file as bytes of a hash. Digests that are written down stand on them.
#pragma once

#include "coe/base/hash.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"

namespace coe::gguf {

// Name, type and value.
void add_key(Hasher& hasher, const KeyValue& item);
// Name, type and shape.
void add_tensor_head(Hasher& hasher, const TensorInfo& tensor);

}  // namespace coe::gguf
