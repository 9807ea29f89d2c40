#include "coe/cli/render/table.h"

#include "coe/base/utf8.h"
#include "coe/cli/console.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace coe::cli {

namespace {

using Rows = std::vector<std::vector<std::string>>;

// Cells may hold "→" or "×": width counts characters, not bytes.
std::size_t width_of(std::string_view cell) { return static_cast<std::size_t>(count_chars(cell)); }

std::string plain_table(const Rows& rows, std::string_view gap) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - width_of(row[i]), ' ');
      if (i > 0) line += gap;
      line += i == 0 ? row[i] + pad : pad + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::size_t widest_line(std::string_view text) {
  std::size_t widest = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    widest = std::max(widest, width_of(text.substr(0, end)));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return widest;
}

// The head's words below each other, so that columns are as wide as what is in them.
Rows stacked(const Rows& rows) {
  std::vector<std::vector<std::string>> words;  // [columns]
  std::size_t height = 0;
  for (const auto& head : rows.front()) {
    auto& column = words.emplace_back();
    std::string_view rest = head;
    while (!rest.empty()) {
      const auto end = std::min(rest.find(' '), rest.size());
      column.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(rest.size(), end + 1));
    }
    height = std::max(height, column.size());
  }
  Rows out(height);
  for (auto& column : words) {
    column.insert(column.begin(), height - column.size(), std::string());
    for (std::size_t i = 0; i < height; ++i) out[i].push_back(std::move(column[i]));
  }
  out.insert(out.end(), rows.begin() + 1, rows.end());
  return out;
}

std::string blocks(const Rows& rows) {
  std::string out;
  const auto& head = rows.front();
  std::size_t widest = 0;
  for (std::size_t i = 1; i < head.size(); ++i) widest = std::max(widest, width_of(head[i]));
  for (std::size_t r = 1; r < rows.size(); ++r) {
    out += "  " + rows[r].front() + "\n";
    for (std::size_t i = 1; i < rows[r].size(); ++i)
      if (!rows[r][i].empty())
        out +=
            "    " + head[i] + std::string(widest - width_of(head[i]) + 2, ' ') + rows[r][i] + "\n";
  }
  return out;
}

}  // namespace

std::string format_table(const Rows& rows, std::optional<std::size_t> columns) {
  auto table = plain_table(rows, "   ");
  if (!columns || rows.size() < 2 || widest_line(table) <= *columns) return table;
  table = plain_table(stacked(rows), "  ");
  return widest_line(table) <= *columns ? table : blocks(rows);
}

std::string format_table(const Rows& rows) { return format_table(rows, output_columns()); }

}  // namespace coe::cli
