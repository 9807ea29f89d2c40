#include "coe/base/csv.h"

#include "coe/base/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace coe {

namespace {

tl::unexpected<Error> no_csv(std::string what) {
  return fail(Code::kCorrupt, std::move(what),
              R"(fields with a comma, a quote or a line's end stand in quotes: 1,"two, ""2""",3)");
}

// Bytes of the line's end that `text` begins with; 0: none.
std::size_t line_end_length(std::string_view text) {
  if (text.starts_with('\n')) return 1;
  return text.starts_with("\r\n") ? 2 : 0;
}

}  // namespace

CsvReader::CsvReader(std::string_view bytes) : rest_(bytes) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
}

void CsvReader::take(std::size_t n) {
  next_line_ += static_cast<std::uint64_t>(
      std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(n), '\n'));
  rest_.remove_prefix(n);
}

Result<std::optional<CsvRecord>> CsvReader::next() {
  while (const auto n = line_end_length(rest_)) take(n);
  line_ = next_line_;
  if (rest_.empty()) return std::optional<CsvRecord>();
  CsvRecord record;
  while (true) {
    if (record.fields.size() == kMostCsvFields)
      return no_csv(fmt::format("a record of more than {} fields", kMostCsvFields));
    COE_TRY(auto field, read_field());
    record.fields.push_back(std::move(field));
    if (!rest_.starts_with(',')) break;
    take(1);
  }
  take(line_end_length(rest_));
  record.line = line_;
  return std::optional(std::move(record));
}

// Up to the comma, the line's end or the text's, which are left.
Result<std::string> CsvReader::read_field() {
  COE_TRY(auto field, rest_.starts_with('"') ? read_quoted() : read_plain());
  if (const auto at = find_invalid_utf8(field); at != std::string_view::npos)
    return no_csv(fmt::format("it is not UTF-8 (byte {} of a field)", at));
  return field;
}

Result<std::string> CsvReader::read_plain() {
  const auto end = std::min(rest_.find_first_of(",\"\r\n"), rest_.size());
  std::string field(rest_.substr(0, end));
  take(end);
  if (rest_.starts_with('"')) return no_csv("a quote in a field that does not begin with one");
  if (rest_.starts_with('\r') && line_end_length(rest_) == 0)
    return no_csv("a carriage return that ends no line");
  return field;
}

Result<std::string> CsvReader::read_quoted() {
  std::string field;
  take(1);
  while (true) {
    const auto quote = rest_.find('"');
    if (quote == std::string_view::npos) return no_csv("the quotes of a field never close");
    field += rest_.substr(0, quote);
    take(quote + 1);
    if (!rest_.starts_with('"')) break;
    field += '"';
    take(1);
  }
  if (!rest_.empty() && !rest_.starts_with(',') && line_end_length(rest_) == 0)
    return no_csv("there is text behind a field's closing quote");
  return field;
}

}  // namespace coe
