#include "coe/ask/endpoint/payload_reader.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

PayloadReader::PayloadReader(std::size_t max_bytes, Sink sink)
    : max_bytes_(max_bytes), sink_(std::move(sink)) {}

Status PayloadReader::feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (form_ == Form::kUnknown) {
      if (is_space(c)) continue;
      form_ = c == '{' ? Form::kJson : Form::kEvents;
    }
    COE_TRY_STATUS(form_ == Form::kJson ? add_json(c) : add_event_byte(c));
  }
  return {};
}

Status PayloadReader::append(std::string& to, char c) {
  if (to.size() >= max_bytes_)
    return fail(Code::kCorrupt,
                fmt::format("the server sends more than {} bytes in one piece", max_bytes_));
  to += c;
  return {};
}

Status PayloadReader::emit(std::string& payload) {
  const std::string whole = std::exchange(payload, {});
  return sink_(whole);
}

Status PayloadReader::add_json(char c) {
  if (depth_ == 0 && is_space(c)) return {};
  COE_TRY_STATUS(append(text_, c));
  if (in_string_) {
    if (escaped_)
      escaped_ = false;
    else if (c == '\\')
      escaped_ = true;
    else if (c == '"')
      in_string_ = false;
  } else if (c == '"') {
    in_string_ = true;
  } else if (c == '{' || c == '[') {
    ++depth_;
  } else if ((c == '}' || c == ']') && depth_ > 0) {
    --depth_;
  }
  // Outside an object a character is no JSON: whoever parses it says so.
  return depth_ == 0 && !in_string_ ? emit(text_) : Status();
}

Status PayloadReader::add_event_byte(char c) {
  const bool second_of_two = std::exchange(after_return_, c == '\r') && c == '\n';
  if (second_of_two) return {};
  return c == '\n' || c == '\r' ? end_line() : append(text_, c);
}

Status PayloadReader::end_line() {
  const std::string whole = std::exchange(text_, {});
  std::string_view line = whole;
  if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  if (line.empty()) return end_event();
  const std::size_t colon = line.find(':');
  const auto field = line.substr(0, colon);
  if (field != "data") return {};
  auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (has_data_) COE_TRY_STATUS(append(data_, '\n'));
  has_data_ = true;
  for (const char c : value) COE_TRY_STATUS(append(data_, c));
  return {};
}

Status PayloadReader::end_event() {
  return std::exchange(has_data_, false) ? emit(data_) : Status();
}

Status PayloadReader::finish() {
  if (form_ == Form::kJson && !text_.empty())
    return fail(Code::kEngine, "the server's reply breaks off within JSON");
  if (!text_.empty()) COE_TRY_STATUS(end_line());
  return end_event();
}

}  // namespace coe
