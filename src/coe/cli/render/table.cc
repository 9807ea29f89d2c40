#include "coe/cli/render/table.h"

#include "coe/base/utf8.h"
#include "coe/cli/console.h"
#include "coe/cli/wrap.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

namespace coe::cli {

namespace {

using Rows = std::vector<std::vector<std::string>>;

// Cells may hold "→" or "×": width counts characters, not bytes.
std::size_t width_of(std::string_view cell) { return static_cast<std::size_t>(count_chars(cell)); }

bool has_words(const WordColumns& words, std::size_t column) {
  return column == 0 || std::ranges::find(words.at, column) != words.at.end();
}

std::vector<std::size_t> widths_of(const Rows& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  return widths;
}

// A first cell that is wider than its column has a line of its own.
std::string table_of(const Rows& rows, std::span<const std::size_t> widths, std::string_view gap,
                     const WordColumns& words) {
  std::string out;
  for (const auto& row : rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool hangs = width_of(row[i]) > widths[i];
      if (hangs) line += row[i] + "\n  ";
      const std::string pad(widths[i] - (hangs ? 0 : width_of(row[i])), ' ');
      const auto cell = hangs ? std::string() : row[i];
      if (i > 0) line += gap;
      line += has_words(words, i) ? cell + pad : pad + cell;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string plain_table(const Rows& rows, std::string_view gap, const WordColumns& words) {
  return table_of(rows, widths_of(rows), gap, words);
}

// With so much room for the first column that the table fits; empty where that is too little.
std::string hanging_table(const Rows& rows, std::string_view gap, const WordColumns& words,
                          std::size_t columns) {
  constexpr std::size_t kLeastFirst = 12;
  auto widths = widths_of(rows);
  std::size_t others = 2;
  for (std::size_t i = 1; i < widths.size(); ++i) others += gap.size() + widths[i];
  if (others + std::max(kLeastFirst, width_of(rows.front().front())) > columns) return {};
  widths[0] = 0;
  for (const auto& row : rows)
    if (others + width_of(row[0]) <= columns) widths[0] = std::max(widths[0], width_of(row[0]));
  return table_of(rows, widths, gap, words);
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

Rows without_last(Rows rows) {
  const auto n_column = rows.front().size();
  for (auto& row : rows)
    if (row.size() == n_column) row.pop_back();
  return rows;
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

std::string format_table(const Rows& rows, std::optional<std::size_t> columns,
                         const WordColumns& words) {
  constexpr std::string_view kWide = "   ";
  constexpr std::string_view kNarrow = "  ";
  auto table = plain_table(rows, kWide, words);
  if (!columns || rows.size() < 2) return table;
  const auto narrow = stacked(rows);
  if (rows.front().size() > 1 && has_words(words, rows.front().size() - 1)) {
    // The words of the last column go on below each other, where they have some room.
    for (const auto& [these, gap] : {std::pair(&rows, kWide), std::pair(&narrow, kNarrow)}) {
      const auto others = widest_line(plain_table(without_last(*these), gap, words));
      if (others + gap.size() + kLeastRoom <= *columns)
        return fit_lines(plain_table(*these, gap, words), *columns);
    }
    return blocks(rows);
  }
  if (widest_line(table) <= *columns) return table;
  auto narrower = plain_table(narrow, kNarrow, words);
  if (widest_line(narrower) <= *columns) return narrower;
  for (const auto& [these, gap] : {std::pair(&rows, kWide), std::pair(&narrow, kNarrow)})
    if (auto hanging = hanging_table(*these, gap, words, *columns); !hanging.empty())
      return hanging;
  return blocks(rows);
}

std::string format_table(const Rows& rows, const WordColumns& words) {
  return format_table(rows, output_columns(), words);
}

}  // namespace coe::cli
