#include "coe/corpus/json_line.h"

#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/base/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
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

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Half of a character that is written as two, "\ud83d", just before `end`; empty when there is
// none.
std::string_view lone_surrogate(std::string_view line, std::size_t end) {
  constexpr std::size_t kEscape = 6;  // "\ud83d"
  for (std::size_t back = 0; back <= 2 * kEscape && back <= end; ++back) {
    const std::string_view here = line.substr(std::min(end - back, line.size()), kEscape);
    const bool is_escape = here.size() == kEscape && here[0] == '\\' && here[1] == 'u' &&
                           (here[2] == 'd' || here[2] == 'D') && here[3] >= '8' &&
                           std::ranges::all_of(here.substr(2), is_hex);
    if (!is_escape) continue;
    const bool ends_pair = lower_ascii(here.substr(3, 1)) >= "c" && end >= back + kEscape &&
                           line.substr(end - back - kEscape, 3) == here.substr(0, 3);
    return ends_pair ? std::string_view() : here;
  }
  return {};
}

struct Trouble {
  std::string what;  // behind "not valid JSON at byte 3 of the line"; empty: nothing to add
  std::string hint = std::string(kJsonlHint);
};

// Says what stands where JSON goes wrong.
Trouble trouble_at(std::string_view line, std::size_t at) {
  const std::string_view rest = line.substr(std::min(at, line.size()));
  if (const auto half = lone_surrogate(line, at); !half.empty())
    return {fmt::format("`{}` is one half of a character", half),
            "a text was cut within a character that JSON writes as two; mend it where it was "
            "written: text.encode('utf-8', 'replace').decode()"};
  for (const std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
    // The reader notices it a few letters later.
    const std::size_t from = at < word.size() ? 0 : at - word.size();
    if (line.substr(from, 2 * word.size()).find(word) != std::string_view::npos)
      return {fmt::format("`{}` is no number of JSON, though Python writes it", word),
              "write null instead; json.dumps(record, allow_nan=False) finds them"};
  }
  if (rest.starts_with('\0'))
    return {"a zero byte stands there",
            "a download or copy that was not finished leaves holes: fetch the file again"};
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  if (line[first] != '{' && line[first] != '[')
    return {
        "it looks like plain text",
        fmt::format("{}; plain text is taken as it is from a file named .txt or .md", kJsonlHint)};
  if (rest.starts_with('\'') || line.substr(first + 1).starts_with('\''))
    return {"names stand in single quotes, as Python prints them",
            "write records with json.dumps(record), not with print(record)"};
  if (rest.empty())
    return {"the line ends within the object",
            "each object stands on one line: jq -c . FILE > OUT makes it so"};
  return {};
}

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
  // JSON ends at a zero byte in any case, and a hole in a file may be large.
  if (const std::size_t zero = line.find('\0'); zero != std::string_view::npos)
    line = line.substr(0, zero + 1);
  if (const std::size_t bad = find_invalid_utf8(line); bad != std::string_view::npos)
    return fail(Code::kCorrupt, fmt::format("not UTF-8 at byte {} of the line", bad),
                "save the file as UTF-8: iconv -f CP1252 -t UTF-8 FILE > OUT");
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
  if (collector.malformed()) {
    auto trouble = trouble_at(line, collector.error_byte());
    return fail(Code::kCorrupt,
                fmt::format("not valid JSON at byte {} of the line{}{}", collector.error_byte(),
                            trouble.what.empty() ? "" : ": ", trouble.what),
                std::move(trouble.hint));
  }
  const bool is_list = collector.top() == JsonMember::Kind::kArray;
  return fail(
      Code::kCorrupt, fmt::format("the line is {}, not an object", kind_name(collector.top())),
      is_list ? "coe corpus build reads lists of messages: chat = { messages = \"messages\" }"
              : std::string(kJsonlHint));
}

const JsonMember* find_member(const std::vector<JsonMember>& members, std::string_view name) {
  const auto found = std::find_if(members.rbegin(), members.rend(),
                                  [&](const JsonMember& member) { return member.name == name; });
  return found == members.rend() ? nullptr : &*found;
}

}  // namespace coe
