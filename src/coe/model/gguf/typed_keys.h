// These read keys: those that a file of ours must have, with exactly one type, and those that any
// file may have.
#pragma once

#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace coe::gguf {

// Errors of both: kCorrupt, naming the key, where it is missing or has another type.
Result<const Value*> find_value(const Header& header, std::string_view key, ValueType type);
Result<const Value*> find_array(const Header& header, std::string_view key, ValueType element);

// nullopt where the key is missing or has another type; any whole number that is not negative is a
// count.
std::optional<std::string> text_at(const Header& header, std::string_view key);
std::optional<std::uint64_t> count_at(const Header& header, std::string_view key);

}  // namespace coe::gguf
