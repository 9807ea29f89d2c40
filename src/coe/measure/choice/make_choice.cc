#include "coe/base/lines.h"
#include "coe/base/rng.h"
#include "coe/measure/choice/letter.h"
#include "coe/measure/choice/questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// A decimal number in a text; its value is units · 10^-decimals.
struct Number {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::int64_t units = 0;
  unsigned decimals = 0;
};

// "1,250" has a comma between groups of three; "3, 4" and "3,4" are two numbers.
bool is_group(std::string_view text, std::size_t comma) {
  for (std::size_t i = comma + 1; i <= comma + 3; ++i)
    if (i >= text.size() || !is_digit(text[i])) return false;
  return comma + 4 >= text.size() || !is_digit(text[comma + 4]);
}

// Numbers of up to 15 digits. A minus counts where it cannot be a difference.
std::vector<Number> numbers_in(std::string_view text) {
  std::vector<Number> out;
  std::size_t i = 0;
  while (i < text.size()) {
    if (!is_digit(text[i])) {
      ++i;
      continue;
    }
    Number number{i, i, 0, 0};
    std::size_t n_digit = 0;
    bool fraction = false;
    for (; i < text.size(); ++i) {
      if (is_digit(text[i])) {
        if (++n_digit <= 15) number.units = number.units * 10 + (text[i] - '0');
        if (fraction) ++number.decimals;
      } else if (text[i] == '.' && !fraction && i + 1 < text.size() && is_digit(text[i + 1])) {
        fraction = true;
      } else if (text[i] != ',' || fraction || !is_group(text, i)) {
        break;
      }
    }
    number.end = i;
    const auto before = [&](std::size_t n) {
      return number.begin >= n ? text[number.begin - n] : ' ';
    };
    if (before(1) == '-' && !is_digit(before(2)) && !is_alpha(before(2)) && before(2) != ')') {
      number.units = -number.units;
      --number.begin;
    }
    if (n_digit <= 15) out.push_back(number);
  }
  return out;
}

std::string written(std::int64_t units, unsigned decimals) {
  std::string digits = fmt::format("{:0{}}", units < 0 ? -units : units, decimals + 1);
  if (decimals > 0) digits.insert(digits.size() - decimals, ".");
  return units < 0 ? "-" + digits : digits;
}

// Values for wrong options, the likeliest mistakes first in either list: what the problem and its
// working mention, and what is near.
std::vector<std::int64_t> wrong_values(const Number& right, std::string_view problem,
                                       std::string_view working, std::size_t n, Rng& rng) {
  std::vector<std::int64_t> mentioned;
  for (const auto text : {problem, working})
    for (const auto& number : numbers_in(text))
      if (number.decimals == right.decimals) mentioned.push_back(number.units);
  const auto v = right.units;
  std::vector<std::int64_t> near = {v + 1, v - 1, v + 2, v - 2, v + 10, v - 10, v * 2, v * 10};
  if (v % 2 == 0) near.push_back(v / 2);
  rng.shuffle(std::span(mentioned));
  rng.shuffle(std::span(near));
  std::vector<std::int64_t> out;
  const auto take = [&](std::int64_t value) {
    if (out.size() == n || value == v || (v >= 0 && value < 0)) return;
    if (std::ranges::find(out, value) == out.end()) out.push_back(value);
  };
  for (std::size_t i = 0; i < std::max(mentioned.size(), near.size()); ++i) {
    if (i < mentioned.size()) take(mentioned[i]);
    if (i < near.size()) take(near[i]);
  }
  for (std::int64_t step = 3; out.size() < n; ++step) take(v + step);
  return out;
}

// "A. text", "A) text", "(A) text": the text behind it.
std::optional<std::string_view> lettered(std::string_view line, char letter) {
  line = trimmed(line);
  const bool bracket = line.starts_with('(');
  if (bracket) line.remove_prefix(1);
  if (line.size() < 2 || line[0] != letter) return std::nullopt;
  if (bracket ? line[1] != ')' : line[1] != '.' && line[1] != ')') return std::nullopt;
  return trimmed(line.substr(2));
}

std::optional<MultipleChoice> as_it_stands(std::string_view problem, std::string_view solution) {
  std::vector<std::pair<std::size_t, std::string_view>> lines;  // with where they begin
  LineReader reader(problem);
  while (const auto line = reader.next())
    if (!line->blank())
      lines.emplace_back(static_cast<std::size_t>(line->text.data() - problem.data()),
                         trimmed(line->text));
  // The last run of lines that begins with A and goes on by the alphabet to the end.
  for (std::size_t first = lines.size(); first-- > 0;) {
    if (!lettered(lines[first].second, 'A')) continue;
    MultipleChoice out;
    for (std::size_t i = first; i < lines.size(); ++i) {
      const auto index = i - first;
      const auto text = index < 26 ? lettered(lines[i].second, option_letter(index)) : std::nullopt;
      if (!text || text->empty()) return std::nullopt;
      out.options.emplace_back(*text);
    }
    const auto question = trimmed(problem.substr(0, lines[first].first));
    if (out.options.size() < 2 || question.empty()) return std::nullopt;
    out.question = question;
    const auto found = extract_letter(solution, out.options);
    if (!found) return std::nullopt;
    out.answer = static_cast<std::size_t>(found->letter - 'A');
    return out;
  }
  return std::nullopt;
}

}  // namespace

std::optional<MultipleChoice> make_choice(std::string_view problem, std::string_view solution,
                                          std::string_view working, std::uint32_t n_option,
                                          std::uint64_t seed) {
  problem = trimmed(problem);
  solution = trimmed(solution);
  if (auto choice = as_it_stands(problem, solution)) return choice;
  if (problem.empty() || n_option < 2) return std::nullopt;

  auto line = trimmed(solution.substr(solution.rfind('\n') + 1));  // npos + 1 is 0
  for (const std::string_view lead : {"The answer is ", "Answer: ", "#### "})
    if (line.starts_with(lead)) line.remove_prefix(lead.size());
  if (line.ends_with('.')) line.remove_suffix(1);
  const auto numbers = numbers_in(line);
  if (numbers.empty()) return std::nullopt;
  const auto& right = numbers.back();
  const auto option = [&](std::int64_t units) {
    return fmt::format("{}{}{}", line.substr(0, right.begin), written(units, right.decimals),
                       line.substr(right.end));
  };
  Rng rng(seed);
  std::vector<std::int64_t> values = wrong_values(right, problem, working, n_option - 1, rng);
  values.push_back(right.units);
  rng.shuffle(std::span(values));
  MultipleChoice out;
  out.question = problem;
  for (const auto value : values) out.options.push_back(option(value));
  out.answer = static_cast<std::size_t>(std::ranges::find(values, right.units) - values.begin());
  return out;
}

}  // namespace coe
