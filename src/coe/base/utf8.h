// UTF-8: is it valid, and how many characters is it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace coe {

// Returns the bytes of the sequence that `text` begins with, 0 when it is not valid or `text` is
// empty. Source: The Unicode Standard 15, table 3-7.
std::size_t utf8_length(std::string_view text);

// Returns the offset of the first byte that breaks UTF-8 (overlong forms, surrogates and values
// above U+10FFFF do), or npos.
std::size_t find_invalid_utf8(std::string_view text);

// Code points of valid UTF-8.
std::uint64_t count_chars(std::string_view text);

// True where a code point begins, i.e. for every byte but the continuation bytes.
constexpr bool is_char_start(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

}  // namespace coe
