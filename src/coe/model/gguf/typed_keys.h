// These read keys that a file of ours must have, with exactly one type.
#pragma once

#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"

#include <string_view>

namespace coe::gguf {

// Errors of both: kCorrupt, naming the key, where it is missing or has another type.
Result<const Value*> find_value(const Header& header, std::string_view key, ValueType type);
Result<const Value*> find_array(const Header& header, std::string_view key, ValueType element);

}  // namespace coe::gguf
