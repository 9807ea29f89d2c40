#include "coe/model/gguf/typed_keys.h"

#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace coe::gguf {

Result<const Value*> find_value(const Header& header, std::string_view key, ValueType type) {
  const Value* value = header.find_key(key);
  if (value == nullptr) return fail(Code::kCorrupt, fmt::format("key `{}` is missing", key));
  if (value->type() != type)
    return fail(Code::kCorrupt, fmt::format("key `{}` has another type ({} vs {})", key,
                                            type_name(value->type()), type_name(type)));
  return value;
}

Result<const Value*> find_array(const Header& header, std::string_view key, ValueType element) {
  COE_TRY(const Value* value, find_value(header, key, ValueType::kArray));
  if (value->array_type() != element)
    return fail(Code::kCorrupt, fmt::format("key `{}` has elements of another type ({} vs {})", key,
                                            type_name(value->array_type()), type_name(element)));
  return value;
}

std::optional<std::string> text_at(const Header& header, std::string_view key) {
  const Value* value = header.find_key(key);
  const auto text = value == nullptr ? std::nullopt : value->as_string();
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

std::optional<std::uint64_t> count_at(const Header& header, std::string_view key) {
  const Value* value = header.find_key(key);
  return value == nullptr ? std::nullopt : value->as_uint();
}

}  // namespace coe::gguf
