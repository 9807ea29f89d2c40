// Tables of text as RFC 4180 has them: records of fields between commas, in quotes where a field
// holds a comma, a quote (written twice) or the end of a line. What the RFC does not allow is an
// error here and never guessed.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct CsvRecord {
  std::vector<std::string> fields;
  std::uint64_t line = 0;  // that it begins at, from 1
};

// Fields of a record. Published tables have some dozens.
inline constexpr std::size_t kMostCsvFields = 4096;

class CsvReader {
 public:
  // `bytes` must outlive it. A byte order mark at the start is passed over.
  explicit CsvReader(std::string_view bytes);

  // The next record; nullopt at the end. Lines end with "\n" or "\r\n", the last one may go
  // without; lines without a byte are passed over. Errors: kCorrupt, and line() is where: not
  // UTF-8, a quote within a field that is not in quotes, anything but a comma or the line's end
  // behind a closing quote, quotes that never close, "\r" without "\n" outside of quotes, more than
  // kMostCsvFields fields.
  Result<std::optional<CsvRecord>> next();
  // Of the last record or error.
  std::uint64_t line() const { return line_; }

 private:
  Result<std::string> read_field();
  Result<std::string> read_quoted();
  Result<std::string> read_plain();
  void take(std::size_t n);

  std::string_view rest_;
  std::uint64_t next_line_ = 1;  // that `rest_` begins in
  std::uint64_t line_ = 1;
};

}  // namespace coe
