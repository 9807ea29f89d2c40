// Questions as a table (CSV with a header), which is how GPQA is published.
#pragma once

#include "coe/base/csv.h"
#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/measure/choice/question_form.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// A file is a table when its name says so (.csv, .csv.gz, .csv.zst), or when its first line is no
// JSON and names GPQA's column "Correct Answer".
bool is_question_table(const Path& name, std::string_view text);

class QuestionTable {
 public:
  // `text` must outlive it.
  explicit QuestionTable(std::string_view text) : reader_(text) {}

  // The next question, its options in an order as gpqa_question puts them; nullopt at the end.
  // Other columns than those that it needs are passed over. Errors: those of CsvReader and
  // gpqa_question; kCorrupt: a header without one of kGpqaColumns or with it twice, a record of
  // more or fewer fields than the header has.
  Result<std::optional<RawQuestion>> next(std::uint64_t seed);
  // Where the last question or error is.
  std::uint64_t line() const { return reader_.line(); }

 private:
  Status read_header();

  CsvReader reader_;
  std::vector<std::string> header_;
};

}  // namespace coe
