#include "coe/model/gguf/hashing.h"

#include <cstdint>

namespace coe::gguf {

void add_key(Hasher& hasher, const KeyValue& item) {
  hasher.add_sized(item.key);
  hasher.add(static_cast<std::uint64_t>(item.value.type()));
  hasher.add(std::uint64_t{item.value.bytes().size()});
  hasher.add(item.value.bytes());
}

void add_tensor_head(Hasher& hasher, const TensorInfo& tensor) {
  hasher.add_sized(tensor.name);
  hasher.add(static_cast<std::uint64_t>(tensor.type));
  for (const auto n : tensor.ne) hasher.add(n);
}

}  // namespace coe::gguf
