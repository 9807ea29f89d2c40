// This finds the JSON texts in the body of a streamed reply, which is server-sent events ("data:
// {…}"), JSON lines, or one document. Bytes go in, payloads come out.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace coe {

// A body whose first character is "{" is JSON: one or more objects with white space between them.
// Anything else is server-sent events (lines end in LF, CR or CRLF; comments, other fields and a
// byte order mark are passed over), each event's data a payload. Source: HTML living standard,
// 9.2.6 "Interpreting an event stream". What comes out does not depend on how the body is cut.
class PayloadReader {
 public:
  // An error ends the reading.
  using Sink = std::function<Status(std::string_view payload)>;

  // `max_bytes` limits one payload.
  PayloadReader(std::size_t max_bytes, Sink sink);
  // Errors: kCorrupt for a payload that is too long; those of the sink.
  Status feed(std::string_view bytes);
  // The body is complete: an event that no blank line ends is one all the same. Errors: kEngine
  // for JSON that breaks off; those of the sink.
  Status finish();

 private:
  enum class Form : std::uint8_t { kUnknown, kJson, kEvents };

  Status add_json(char c);
  Status add_event_byte(char c);
  Status end_line();
  Status end_event();
  Status emit(std::string& payload);
  Status append(std::string& to, char c);

  std::size_t max_bytes_;
  Sink sink_;
  Form form_ = Form::kUnknown;
  std::string text_;  // the JSON object or the line that is being read
  // JSON
  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  // Events
  std::string data_;
  bool has_data_ = false;
  bool after_return_ = false;
};

}  // namespace coe
