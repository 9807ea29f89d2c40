// JSON as all of coe reads and writes it, beside what the library does. Include this instead of the
// library: its class and its parser are compiled once, in json.cc, and cost seconds a file
// otherwise.
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

extern template class nlohmann::basic_json<>;
extern template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace coe {

// `Json` is nlohmann::json or nlohmann::ordered_json in all of these.

// JSON from outside may nest so deep that the functions which walk it overflow the stack.
inline constexpr std::size_t kMaxJsonDepth = 256;

// Says whether more than kMaxJsonDepth brackets and braces are open anywhere in `text`, which need
// not be JSON.
bool nests_too_deep(std::string_view text);

// Discarded (is_discarded()) where `text` is no JSON, or nests too deep.
template <class Json>
Json parse_json(std::string_view text);

// Throws Json::exception where `text` is no JSON, with the place in its what(), or nests too deep.
template <class Json>
Json parse_json_or_throw(std::string_view text);

// Bytes that are no UTF-8, as models may give them, become U+FFFD. `indent` −1: one line.
template <class Json>
std::string json_text(const Json& json, int indent = -1);

// A line of a JSON Lines file, with its newline.
template <class Json>
std::string json_line(const Json& json) {
  return json_text(json) + "\n";
}

// Nothing where `object` is none, or the member is missing, negative, or no whole number (which the
// library would convert).
template <class Json>
std::optional<std::uint64_t> unsigned_at(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->template get<std::uint64_t>();
}

}  // namespace coe
