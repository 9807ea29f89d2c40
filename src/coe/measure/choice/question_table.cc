#include "coe/measure/choice/question_table.h"

#include "coe/base/printable.h"
#include "coe/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace coe {

namespace {

tl::unexpected<Error> no_table(std::string what) {
  return fail(Code::kCorrupt, std::move(what),
              "a table of questions has GPQA's columns: Question, Correct Answer, Incorrect Answer "
              "1 to 3; other sets are read as JSON Lines");
}

// The beginning of a header, for messages.
std::string names_of(const std::vector<std::string>& header) {
  constexpr std::size_t kMost = 6;
  std::string out;
  for (std::size_t i = 0; i < std::min(kMost, header.size()); ++i)
    out += fmt::format("{}`{}`", i == 0 ? "" : ", ", printable(header[i], 40));
  return header.size() > kMost ? out + ", …" : out;
}

}  // namespace

bool is_question_table(const Path& name, std::string_view text) {
  Path plain = name.filename();
  const auto packing = lower_ascii(plain.extension().string());
  if (packing == ".gz" || packing == ".zst") plain = plain.stem();
  if (lower_ascii(plain.extension().string()) == ".csv") return true;
  const auto line = text.substr(0, text.find('\n'));
  const auto first = line.find_first_not_of(" \t\r\xef\xbb\xbf");
  return first != std::string_view::npos && line[first] != '{' && line[first] != '[' &&
         line.find(kGpqaColumns[1]) != std::string_view::npos;
}

Status QuestionTable::read_header() {
  COE_TRY(auto header, reader_.next());
  if (!header) return no_table("there is no header");
  header_ = std::move(header->fields);
  for (const auto name : kGpqaColumns) {
    const auto n = std::ranges::count(header_, name);
    if (n > 1) return no_table(fmt::format("the header has the column `{}` twice", name));
    if (n == 0)
      return no_table(
          fmt::format("the header has no column `{}`: it begins with {}", name, names_of(header_)));
  }
  return {};
}

Result<std::optional<RawQuestion>> QuestionTable::next(std::uint64_t seed) {
  if (header_.empty()) COE_TRY_STATUS(read_header());
  COE_TRY(auto record, reader_.next());
  if (!record) return std::optional<RawQuestion>();
  if (record->fields.size() != header_.size())
    return no_table(fmt::format("a record of {} fields, but the header has {}",
                                record->fields.size(), header_.size()));
  TextFields fields;
  for (std::size_t i = 0; i < header_.size(); ++i)
    fields[header_[i]] = std::move(record->fields[i]);
  COE_TRY(auto question, gpqa_question(fields, seed));
  return std::optional(std::move(question));
}

}  // namespace coe
