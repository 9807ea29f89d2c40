#include "coe/corpus/json_line.h"

#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/base/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::string_view kJsonlHint =
    R"(a corpus is JSON Lines: one object a line, such as {"text": "…"})";

// nlohmann's SAX interface: its names and signatures are given.
// NOLINTBEGIN(readability-identifier-naming)
class MemberCollector {
 public:
  using number_integer_t = nlohmann::ordered_json::number_integer_t;
  using number_unsigned_t = nlohmann::ordered_json::number_unsigned_t;
  using number_float_t = nlohmann::ordered_json::number_float_t;
  using string_t = nlohmann::ordered_json::string_t;
  using binary_t = nlohmann::ordered_json::binary_t;

  bool null() { return add(JsonMember::Kind::kNull); }
  bool boolean(bool /*value*/) { return add(JsonMember::Kind::kBoolean); }
  bool number_integer(number_integer_t value) { return add_number(static_cast<double>(value)); }
  bool number_unsigned(number_unsigned_t value) { return add_number(static_cast<double>(value)); }
  bool number_float(number_float_t value, const string_t& /*literal*/) { return add_number(value); }
  bool string(string_t& value) {
    if (depth_ == 1) {
      members_.push_back({std::move(key_), JsonMember::Kind::kString, std::move(value), 0.0});
      return true;
    }
    return add(JsonMember::Kind::kString);
  }
  bool binary(binary_t& /*value*/) { return false; }  // occurs in binary formats only
  bool start_object(std::size_t /*size*/) { return open(JsonMember::Kind::kObject); }
  bool key(string_t& name) {
    if (depth_ == 1) key_ = std::move(name);
    return true;
  }
  bool end_object() { return close(); }
  bool start_array(std::size_t /*size*/) { return open(JsonMember::Kind::kArray); }
  bool end_array() { return close(); }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const std::exception& /*error*/) {
    malformed_ = true;
    error_byte_ = position > 0 ? position - 1 : 0;  // the reader counts what it has read
    return false;
  }

  std::vector<JsonMember> take() { return std::move(members_); }
  bool is_object() const { return top_ == JsonMember::Kind::kObject; }
  JsonMember::Kind top() const { return top_; }
  bool malformed() const { return malformed_; }
  std::size_t error_byte() const { return error_byte_; }

 private:
  bool add(JsonMember::Kind kind) {
    if (depth_ == 0) top_ = kind;
    if (depth_ == 1) members_.push_back({std::move(key_), kind, {}, 0.0});
    return depth_ > 0;  // a bare value is no record: stop
  }
  bool add_number(double value) {
    if (depth_ != 1) return add(JsonMember::Kind::kNumber);
    members_.push_back({std::move(key_), JsonMember::Kind::kNumber, {}, value});
    return true;
  }
  bool open(JsonMember::Kind kind) {
    if (depth_ == 0) top_ = kind;
    if (depth_ == 1) members_.push_back({std::move(key_), kind, {}, 0.0});
    ++depth_;
    return is_object();
  }
  bool close() {
    --depth_;
    return true;
  }

  std::vector<JsonMember> members_;
  std::string key_;
  std::size_t depth_ = 0;
  std::size_t error_byte_ = 0;
  bool malformed_ = false;
  JsonMember::Kind top_ = JsonMember::Kind::kNull;
};
// NOLINTEND(readability-identifier-naming)

}  // namespace

std::string_view kind_name(JsonMember::Kind kind) {
  switch (kind) {
    case JsonMember::Kind::kString:
      return "a string";
    case JsonMember::Kind::kNumber:
      return "a number";
    case JsonMember::Kind::kBoolean:
      return "a boolean";
    case JsonMember::Kind::kNull:
      return "null";
    case JsonMember::Kind::kArray:
      return "an array";
    case JsonMember::Kind::kObject:
      return "an object";
  }
  return "unknown";
}

Result<std::vector<JsonMember>> parse_json_line(std::string_view line) {
  if (const std::size_t bad = find_invalid_utf8(line); bad != std::string_view::npos)
    return fail(Code::kCorrupt, fmt::format("not UTF-8 at byte {} of the line", bad),
                "save the file as UTF-8");
  if (nests_too_deep(line))
    return fail(Code::kCorrupt,
                fmt::format("the line has more than {} levels of brackets", kMaxJsonDepth));
  MemberCollector collector;
  try {
    if (nlohmann::ordered_json::sax_parse(line.begin(), line.end(), &collector))
      return collector.take();
  } catch (const std::exception& error) {
    return fail(Code::kInternal, fmt::format("the JSON reader threw: {}", error.what()));
  }
  if (collector.malformed())
    return fail(Code::kCorrupt,
                fmt::format("not valid JSON at byte {} of the line", collector.error_byte()),
                std::string(kJsonlHint));
  return fail(Code::kCorrupt,
              fmt::format("the line is {}, not an object", kind_name(collector.top())),
              std::string(kJsonlHint));
}

const JsonMember* find_member(const std::vector<JsonMember>& members, std::string_view name) {
  const auto found = std::find_if(members.rbegin(), members.rend(),
                                  [&](const JsonMember& member) { return member.name == name; });
  return found == members.rend() ? nullptr : &*found;
}

}  // namespace coe
