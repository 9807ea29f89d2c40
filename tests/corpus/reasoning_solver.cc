#include "reasoning_solver.h"

#include "pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::testing {
namespace {

using Int = std::int64_t;

// All whole numbers of a text without signs, in order.
std::vector<Int> numbers(const std::string& text) {
  std::vector<Int> out;
  std::string digits;
  for (const char c : text + " ") {
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      digits += c;
    } else if (!digits.empty()) {
      out.push_back(std::stoll(digits));
      digits.clear();
    }
  }
  return out;
}

// "+ 5" or "- 5"; a missing coefficient ("+ x") is 1.
Int signed_value(const std::string& sign, const std::string& digits) {
  const Int value = digits.empty() ? 1 : std::stoll(digits);
  return sign == "-" ? -value : value;
}

std::string answer(const std::string& value) { return "The answer is " + value + "."; }
std::string answer(Int value) { return answer(std::to_string(value)); }

// In lowest terms by trying every divisor.
std::string reduced(Int p, Int q) {
  for (Int d = q; d > 1; --d) {
    if (p % d == 0 && q % d == 0) {
      p /= d;
      q /= d;
    }
  }
  return q == 1 ? std::to_string(p) : fmt::format("{}/{}", p, q);
}

std::string linear(const std::string& text) {
  const auto m = match(text, "Find %w when %n%w %s %n = %i.");
  if (!m || (*m)[1] != (*m)[3]) return {};
  for (Int x = -100; x <= 100; ++x) {
    if (std::stoll((*m)[2]) * x + signed_value((*m)[4], (*m)[5]) == std::stoll((*m)[6]))
      return answer(fmt::format("{} = {}", (*m)[1], x));
  }
  return {};
}

std::string balance(const std::string& text) {
  const auto m = match(text, "For which %w is %n%w %s %n equal to %n%w %s %n?");
  if (!m || (*m)[1] != (*m)[3] || (*m)[1] != (*m)[7]) return {};
  for (Int x = -100; x <= 100; ++x) {
    if (std::stoll((*m)[2]) * x + signed_value((*m)[4], (*m)[5]) ==
        std::stoll((*m)[6]) * x + signed_value((*m)[8], (*m)[9]))
      return answer(fmt::format("{} = {}", (*m)[1], x));
  }
  return {};
}

std::string quadratic(const std::string& text) {
  const auto m = match(text, "Solve x^2 %s %ox %s %n = 0.");
  if (!m) return {};
  std::vector<Int> roots;
  for (Int x = -2000; x <= 2000; ++x) {
    if (x * x + signed_value((*m)[1], (*m)[2]) * x + signed_value((*m)[3], (*m)[4]) == 0)
      roots.push_back(x);
  }
  if (roots.size() == 1) return answer(fmt::format("x = {}", roots[0]));
  if (roots.size() == 2) return answer(fmt::format("x = {} or x = {}", roots[0], roots[1]));
  return {};
}

std::string derivative(const std::string& text) {
  const auto m = match(text, "Let f(x) = %nx^3 %s %ox^2 %s %ox %s %n. What is f'(%n)?");
  if (!m) return {};
  const Int a = std::stoll((*m)[1]);
  const auto f = [&](Int x) {
    return a * x * x * x + signed_value((*m)[2], (*m)[3]) * x * x +
           signed_value((*m)[4], (*m)[5]) * x + signed_value((*m)[6], (*m)[7]);
  };
  // The central difference of a cubic with step 1 is f'(x) + a.
  const Int x = std::stoll((*m)[8]);
  return answer((f(x + 1) - f(x - 1)) / 2 - a);
}

std::string fraction(const std::string& text) {
  const auto m = match(text, "Add %n/%n and %n/%n, and reduce the sum to lowest terms.");
  if (!m) return {};
  const Int b = std::stoll((*m)[2]);
  const Int d = std::stoll((*m)[4]);
  return answer(reduced(std::stoll((*m)[1]) * d + std::stoll((*m)[3]) * b, b * d));
}

std::string gcd(const std::string& text) {
  const auto m = match(text, "What is the greatest common divisor of %n and %n?");
  if (!m) return {};
  const Int a = std::stoll((*m)[1]);
  const Int b = std::stoll((*m)[2]);
  Int best = 1;
  for (Int d = 1; d <= std::min(a, b); ++d) {
    if (a % d == 0 && b % d == 0) best = d;
  }
  return answer(best);
}

std::string lcm(const std::string& text) {
  const auto m = match(text, "What is the least common multiple of %n and %n?");
  if (!m) return {};
  const Int a = std::stoll((*m)[1]);
  Int multiple = a;
  while (multiple % std::stoll((*m)[2]) != 0) multiple += a;
  return answer(multiple);
}

std::string remainder(const std::string& text) {
  const auto m = match(text, "What remains when %n is divided by %n?");
  if (!m) return {};
  Int rest = std::stoll((*m)[1]);
  while (rest >= std::stoll((*m)[2])) rest -= std::stoll((*m)[2]);
  return answer(rest);
}

std::string product(const std::string& text) {
  const auto m = match(text, "Work out %n * %n.");
  if (!m) return {};
  Int total = 0;
  for (Int i = 0; i < std::stoll((*m)[1]); ++i) total += std::stoll((*m)[2]);
  return answer(total);
}

std::string sum(const std::string& text) {
  constexpr std::string_view kStart = "Work out ";
  if (text.rfind(kStart, 0) != 0 || text.back() != '.') return {};
  const std::string terms = text.substr(kStart.size(), text.size() - kStart.size() - 1);
  if (terms.find_first_not_of("0123456789 +") != std::string::npos) return {};
  Int total = 0;
  for (const Int n : numbers(terms)) total += n;
  return answer(total);
}

std::string binary(const std::string& text) {
  const auto m = match(text, "What is %n in binary?");
  if (!m) return {};
  std::string digits = fmt::format("{:b}", std::stoll((*m)[1]));
  return answer(digits);
}

std::string sequence(const std::string& text) {
  const auto m =
      match(text, "The sequence %i, %i, %i, %i goes on in the same way. What is term %n?");
  if (!m) return {};
  const Int step = std::stoll((*m)[4]) - std::stoll((*m)[3]);
  Int value = std::stoll((*m)[1]);
  for (Int i = 1; i < std::stoll((*m)[5]); ++i) value += step;
  return answer(value);
}

std::string packing(const std::string& text) {
  const auto m = match(text,
                       "%W has %n %w and puts %n of them in each box. How many boxes "
                       "are full, and how many %w are left over?");
  if (!m || (*m)[2] != (*m)[4]) return {};
  Int left = std::stoll((*m)[1]);
  Int boxes = 0;
  for (; left >= std::stoll((*m)[3]); left -= std::stoll((*m)[3])) ++boxes;
  return answer(fmt::format("{} full boxes with {} left over", boxes, left));
}

std::string average(const std::string& text) {
  const auto m = match(text, "%W got %l points in %n games. What is the average score?");
  if (!m) return {};
  const auto scores = numbers((*m)[1]);
  if (static_cast<Int>(scores.size()) != std::stoll((*m)[2])) return {};
  for (Int mean = 0; mean <= 100; ++mean) {
    Int off = 0;
    for (const Int score : scores) off += score - mean;
    if (off == 0) return answer(mean);
  }
  return {};
}

std::string rectangle(const std::string& text) {
  const auto m = match(text,
                       "A %W is %n meters long and %n meters wide. What is its area, and "
                       "what is its perimeter?");
  if (!m) return {};
  const Int a = std::stoll((*m)[1]);
  const Int b = std::stoll((*m)[2]);
  return answer(fmt::format("area {} square meters, perimeter {} meters", a * b, a + b + a + b));
}

std::string age(const std::string& text) {
  const auto m = match(text,
                       "%w is %n years old, and %w is %n times as old. How old will "
                       "%w be in %n years?");
  if (!m || (*m)[3] != (*m)[5] || (*m)[1] == (*m)[3]) return {};
  const Int years = std::stoll((*m)[2]) * std::stoll((*m)[4]) + std::stoll((*m)[6]);
  return answer(fmt::format("{} years old", years));
}

std::string price(const std::string& text) {
  const auto m =
      match(text, "A %W costs $%n. In a sale it is %n%% cheaper. What is the sale price?");
  if (!m) return {};
  const Int hundredfold = std::stoll((*m)[1]) * (100 - std::stoll((*m)[2]));
  return hundredfold % 100 == 0 ? answer(fmt::format("${}", hundredfold / 100)) : "";
}

std::string saving(const std::string& text) {
  const auto m = match(text,
                       "%W earns $%n a week and puts %n%% of it aside. How much is that "
                       "after %n weeks?");
  if (!m) return {};
  const Int hundredfold = std::stoll((*m)[1]) * std::stoll((*m)[2]) * std::stoll((*m)[3]);
  return hundredfold % 100 == 0 ? answer(fmt::format("${}", hundredfold / 100)) : "";
}

std::string weekday(const std::string& text) {
  const auto m = match(text, "If today is %w, what day of the week is it %n days from now?");
  if (!m) return {};
  static const std::map<std::string, std::string> next = {
      {"Monday", "Tuesday"},  {"Tuesday", "Wednesday"}, {"Wednesday", "Thursday"},
      {"Thursday", "Friday"}, {"Friday", "Saturday"},   {"Saturday", "Sunday"},
      {"Sunday", "Monday"}};
  std::string day = (*m)[1];
  for (Int i = 0; i < std::stoll((*m)[2]); ++i) day = next.at(day);
  return answer(day);
}

std::string chance(const std::string& text) {
  const auto m = match(text,
                       "A box holds %n %w, %n %w and %n %w balls. One ball is "
                       "taken at random. What is the probability that it is %w?");
  if (!m) return {};
  Int asked = 0;
  Int total = 0;
  for (const std::size_t i : {1U, 3U, 5U}) {
    const Int n = std::stoll((*m)[i]);
    total += n;
    if ((*m)[i + 1] == (*m)[7]) asked += n;
  }
  return asked > 0 ? answer(reduced(asked, total)) : "";
}

std::string trip(const std::string& text) {
  const auto m = match(text,
                       "%W %W for %n hours at %n miles per hour, then for %n hours at "
                       "%n miles per hour. How long is the trip?");
  if (!m) return {};
  Int miles = 0;
  for (Int i = 0; i < std::stoll((*m)[1]); ++i) miles += std::stoll((*m)[2]);
  for (Int i = 0; i < std::stoll((*m)[3]); ++i) miles += std::stoll((*m)[4]);
  return answer(fmt::format("{} miles", miles));
}

std::string units(const std::string& text) {
  const auto m = match(text, "How many %w are %n %w and %n %w?");
  if (!m || (*m)[1] != (*m)[5]) return {};
  static const std::map<std::string, Int> factors = {{"hours/minutes", 60},
                                                     {"minutes/seconds", 60},
                                                     {"kilometers/meters", 1000},
                                                     {"kilograms/grams", 1000},
                                                     {"feet/inches", 12}};
  const Int factor = factors.at((*m)[3] + "/" + (*m)[1]);
  return answer(fmt::format("{} {}", std::stoll((*m)[2]) * factor + std::stoll((*m)[4]), (*m)[1]));
}

std::string pair(const std::string& text) {
  const auto m = match(text, "Two numbers have the sum %n and the difference %n. What are they?");
  if (!m) return {};
  const Int total = std::stoll((*m)[1]);
  for (Int x = 0; x <= total; ++x) {
    if (x - (total - x) == std::stoll((*m)[2]))
      return answer(fmt::format("{} and {}", x, total - x));
  }
  return {};
}

std::string shopping(const std::string& text) {
  const auto m = match(text,
                       "%w buys %n %w at $%n each and %n %w at $%n each, and "
                       "pays with $%n. How much change does %w get?");
  if (!m || (*m)[1] != (*m)[9] || (*m)[3] == (*m)[6]) return {};
  const Int change = std::stoll((*m)[8]) - std::stoll((*m)[2]) * std::stoll((*m)[4]) -
                     std::stoll((*m)[5]) * std::stoll((*m)[7]);
  return change > 0 ? answer(fmt::format("${}", change)) : "";
}

std::string trade(const std::string& text) {
  const auto m = match(text,
                       "%w has %n %w, gives %n of them to %w and then finds %n "
                       "more. How many %w does %w have now?");
  if (!m || (*m)[1] != (*m)[8] || (*m)[3] != (*m)[7] || (*m)[1] == (*m)[5]) return {};
  return answer(fmt::format(
      "{} {}", std::stoll((*m)[2]) + std::stoll((*m)[6]) - std::stoll((*m)[4]), (*m)[3]));
}

}  // namespace

std::string solve_again(const std::string& family, const std::string& problem) {
  static const std::map<std::string, std::string (*)(const std::string&)> solvers = {
      {"linear", linear},
      {"balance", balance},
      {"quadratic", quadratic},
      {"derivative", derivative},
      {"fraction", fraction},
      {"gcd", gcd},
      {"lcm", lcm},
      {"remainder", remainder},
      {"product", product},
      {"sum", sum},
      {"binary", binary},
      {"sequence", sequence},
      {"packing", packing},
      {"average", average},
      {"rectangle", rectangle},
      {"age", age},
      {"price", price},
      {"saving", saving},
      {"weekday", weekday},
      {"chance", chance},
      {"trip", trip},
      {"units", units},
      {"pair", pair},
      {"shopping", shopping},
      {"trade", trade}};
  const auto found = solvers.find(family);
  return found == solvers.end() ? "" : found->second(problem);
}

}  // namespace coe::testing
