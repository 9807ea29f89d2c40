// Tables on arbitrary bytes. What is read can be written, and is then read as the same records;
// line numbers grow and stay within the text; errors are one line.
#include "coe/base/csv.h"
#include "coe/base/utf8.h"

#include "require.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::string written(const std::vector<coe::CsvRecord>& records) {
  std::string text;
  for (const auto& record : records) {
    for (std::size_t i = 0; i < record.fields.size(); ++i) {
      text += i == 0 ? "\"" : ",\"";
      for (const char c : record.fields[i]) text += c == '"' ? "\"\"" : std::string(1, c);
      text += '"';
    }
    text += "\r\n";
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto n_line = static_cast<std::uint64_t>(std::ranges::count(text, '\n')) + 1;
  coe::CsvReader reader(text);
  std::vector<coe::CsvRecord> records;
  while (true) {
    auto record = reader.next();
    require(reader.line() <= n_line);
    if (!record) {
      require_plain(record.error(), {coe::Code::kCorrupt});
      break;
    }
    if (!*record) break;
    require(!(*record)->fields.empty() && (*record)->fields.size() <= coe::kMostCsvFields);
    for (const auto& field : (*record)->fields)
      require(coe::find_invalid_utf8(field) == std::string_view::npos);
    require(records.empty() || (*record)->line > records.back().line);
    records.push_back(**std::move(record));
  }
  const auto copy = written(records);
  coe::CsvReader again(copy);
  for (const auto& record : records) {
    const auto same = again.next();
    require(same && *same && (*same)->fields == record.fields);
  }
  const auto end = again.next();
  require(end && !*end);
  return 0;
}
