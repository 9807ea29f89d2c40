#include "coe/base/rng.h"
#include "coe/corpus/reasoning.h"
#include "coe/corpus/reasoning_families.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using Int = std::int64_t;

char variable(Rng& rng) {
  constexpr std::string_view kNames = "xyztnk";
  return kNames[rng.below(kNames.size())];
}

// "+ 5" or "- 5".
std::string signed_term(Int value) {
  return fmt::format("{} {}", value < 0 ? '-' : '+', std::abs(value));
}

// Writes a number as an operand, negative ones in parentheses.
std::string operand(Int value) {
  return value < 0 ? fmt::format("({})", value) : std::to_string(value);
}

// Draws uniformly from [-limit, limit] without 0.
Int nonzero(Rng& rng, Int limit) {
  const Int value = rng.between(1, limit);
  return rng.below(2) == 0 ? value : -value;
}

ReasoningProblem make_linear(Rng& rng) {
  const char v = variable(rng);
  const Int a = rng.between(2, 15);
  const Int b = nonzero(rng, 40);
  const Int x = rng.between(1, 20);
  const Int c = a * x + b;
  ReasoningProblem out;
  out.problem = fmt::format("Find {} when {}{} {} = {}.", v, a, v, signed_term(b), c);
  out.thinking = fmt::format(
      "{} {} on both sides, which gives {}{} = {} {} = {}.\n"
      "Divide by {}: {} = {} / {} = {}.",
      b > 0 ? "Subtract" : "Add", std::abs(b), a, v, c, signed_term(-b), c - b, a, v, c - b, a, x);
  out.solution = answer(fmt::format("{} = {}", v, x));
  return out;
}

ReasoningProblem make_balance(Rng& rng) {
  const char v = variable(rng);
  const Int c = rng.between(2, 9);
  const Int k = rng.between(2, 9);
  const Int a = c + k;
  const Int b = nonzero(rng, 30);
  const Int x = nonzero(rng, 12);
  const Int d = k * x + b;
  ReasoningProblem out;
  out.problem = fmt::format("For which {} is {}{} {} equal to {}{} {}?", v, a, v, signed_term(b), c,
                            v, signed_term(d));
  out.thinking = fmt::format(
      "Bring the {} terms to one side: {}{} - {}{} = {}{}.\n"
      "Bring the numbers to the other side: {} - {} = {}.\n"
      "Then {}{} = {}, so {} = {} / {} = {}.",
      v, a, v, c, v, k, v, d, operand(b), d - b, k, v, d - b, v, d - b, k, x);
  out.solution = answer(fmt::format("{} = {}", v, x));
  return out;
}

ReasoningProblem make_quadratic(Rng& rng) {
  const Int p = nonzero(rng, 30);
  Int q = nonzero(rng, 30);
  if (q == -p) q = q > 0 ? q + 1 : q - 1;  // the x term must not vanish
  const Int sum = p + q;
  const Int product = p * q;
  const auto [low, high] = std::minmax(p, q);
  const std::string middle = fmt::format("{} {}x", sum > 0 ? '-' : '+',
                                         std::abs(sum) == 1 ? "" : std::to_string(std::abs(sum)));
  ReasoningProblem out;
  out.problem = fmt::format("Solve x^2 {} {} = 0.", middle, signed_term(product));
  out.thinking = fmt::format(
      "Look for two numbers whose sum is {} and whose product is {}.\n"
      "{} + {} = {} and {} * {} = {}.\n"
      "So (x {})(x {}) = 0.",
      sum, product, low, operand(high), sum, low, operand(high), product, signed_term(-low),
      signed_term(-high));
  out.solution = low == high ? answer(fmt::format("x = {}", low))
                             : answer(fmt::format("x = {} or x = {}", low, high));
  return out;
}

ReasoningProblem make_derivative(Rng& rng) {
  const Int a = rng.between(2, 9);
  const Int b = nonzero(rng, 9);
  const Int c = nonzero(rng, 9);
  const Int d = nonzero(rng, 9);
  const Int x = rng.between(1, 4);
  const auto term = [](Int k, std::string_view power) {
    return fmt::format("{} {}{}", k < 0 ? '-' : '+',
                       std::abs(k) == 1 ? "" : std::to_string(std::abs(k)), power);
  };
  const Int value = 3 * a * x * x + 2 * b * x + c;
  ReasoningProblem out;
  out.problem = fmt::format("Let f(x) = {}x^3 {} {} {}. What is f'({})?", a, term(b, "x^2"),
                            term(c, "x"), signed_term(d), x);
  out.thinking = fmt::format(
      "The power rule gives f'(x) = {}x^2 {} {}.\n"
      "At x = {} the terms are {} * {} = {}, {} * {} = {} and {}.\n"
      "Their sum is {} + {} + {} = {}.",
      3 * a, term(2 * b, "x"), signed_term(c), x, 3 * a, x * x, 3 * a * x * x, 2 * b, x, 2 * b * x,
      c, 3 * a * x * x, operand(2 * b * x), operand(c), value);
  out.solution = answer(std::to_string(value));
  return out;
}

ReasoningProblem make_fraction(Rng& rng) {
  const Int b = rng.between(2, 12);
  const Int d = rng.between(2, 12);
  const Int a = rng.between(1, 2 * b);
  const Int c = rng.between(1, 2 * d);
  const Int common = std::lcm(b, d);
  const Int sum = a * (common / b) + c * (common / d);
  const bool reduced = std::gcd(sum, common) == 1;
  ReasoningProblem out;
  out.problem = fmt::format("Add {}/{} and {}/{}, and reduce the sum to lowest terms.", a, b, c, d);
  out.thinking = fmt::format(
      "The least common denominator is {}.\n"
      "{}/{} = {}/{} and {}/{} = {}/{}.\n"
      "The sum is {}/{}{}.",
      common, a, b, a * (common / b), common, c, d, c * (common / d), common, sum, common,
      reduced ? ", in lowest terms" : " = " + fraction(sum, common));
  out.solution = answer(fraction(sum, common));
  return out;
}

// Writes the divisions of Euclid's algorithm, one a line.
std::string euclid(Int a, Int b) {
  std::string out;
  if (a < b) std::swap(a, b);
  while (b != 0) {
    out += fmt::format("{} = {} * {} + {}\n", a, a / b, b, a % b);
    a = std::exchange(b, a % b);
  }
  return out;
}

// Two different numbers with a common divisor that is worth finding.
std::pair<Int, Int> related_pair(Rng& rng) {
  const Int g = rng.between(2, 20);
  const Int p = rng.between(2, 16);
  Int q = rng.between(2, 15);
  if (q >= p) ++q;
  return {g * p, g * q};
}

ReasoningProblem make_gcd(Rng& rng) {
  const auto [a, b] = related_pair(rng);
  const Int g = std::gcd(a, b);
  ReasoningProblem out;
  out.problem = fmt::format("What is the greatest common divisor of {} and {}?", a, b);
  out.thinking = fmt::format(
      "Divide until the remainder is 0.\n{}"
      "The last divisor is {}, so the greatest common divisor is {}.",
      euclid(a, b), g, g);
  out.solution = answer(std::to_string(g));
  return out;
}

ReasoningProblem make_lcm(Rng& rng) {
  const auto [a, b] = related_pair(rng);
  const Int g = std::gcd(a, b);
  ReasoningProblem out;
  out.problem = fmt::format("What is the least common multiple of {} and {}?", a, b);
  out.thinking = fmt::format(
      "Find the greatest common divisor first.\n{}"
      "It is {}.\n"
      "The least common multiple is {} * {} / {} = {} / {} = {}.",
      euclid(a, b), g, a, b, g, a * b, g, a * b / g);
  out.solution = answer(std::to_string(a * b / g));
  return out;
}

ReasoningProblem make_remainder(Rng& rng) {
  const Int d = rng.between(3, 19);
  const Int n = rng.between(50, 999);
  ReasoningProblem out;
  out.problem = fmt::format("What remains when {} is divided by {}?", n, d);
  out.thinking =
      fmt::format("{} * {} = {}\n{} - {} = {}", d, n / d, n / d * d, n, n / d * d, n % d);
  out.solution = answer(std::to_string(n % d));
  return out;
}

ReasoningProblem make_product(Rng& rng) {
  const Int a = rng.between(11, 99);
  Int b = rng.between(11, 98);
  if (b % 10 == 0) ++b;
  const Int tens = b / 10 * 10;
  const Int ones = b % 10;
  ReasoningProblem out;
  out.problem = fmt::format("Work out {} * {}.", a, b);
  out.thinking = fmt::format("{} = {} + {}\n{} * {} = {}\n{} * {} = {}\n{} + {} = {}", b, tens,
                             ones, a, tens, a * tens, a, ones, a * ones, a * tens, a * ones, a * b);
  out.solution = answer(std::to_string(a * b));
  return out;
}

ReasoningProblem make_sum(Rng& rng) {
  const auto n = static_cast<std::size_t>(rng.between(3, 4));
  std::vector<Int> terms;
  terms.reserve(n);
  for (std::size_t i = 0; i < n; ++i) terms.push_back(rng.between(1000, 9999));
  Int total = terms[0];
  std::string steps;
  for (std::size_t i = 1; i < n; ++i) {
    steps += fmt::format("{}{} + {} = {}", i > 1 ? "\n" : "", total, terms[i], total + terms[i]);
    total += terms[i];
  }
  ReasoningProblem out;
  out.problem = fmt::format("Work out {}.", fmt::join(terms, " + "));
  out.thinking = std::move(steps);
  out.solution = answer(std::to_string(total));
  return out;
}

ReasoningProblem make_binary(Rng& rng) {
  const Int n = rng.between(16, 4095);
  std::string digits;
  std::string steps;
  for (Int rest = n; rest > 0; rest /= 2) {
    steps += fmt::format("\n{} / 2 = {} remainder {}", rest, rest / 2, rest % 2);
    digits.insert(digits.begin(), static_cast<char>('0' + rest % 2));
  }
  ReasoningProblem out;
  out.problem = fmt::format("What is {} in binary?", n);
  out.thinking =
      "Halve the number until it is 0; the remainders, last one first, are the digits." + steps;
  out.solution = answer(digits);
  return out;
}

ReasoningProblem make_sequence(Rng& rng) {
  const Int first = rng.between(-30, 60);
  const Int step = nonzero(rng, 15);
  const Int n = rng.between(10, 60);
  const Int value = first + (n - 1) * step;
  ReasoningProblem out;
  out.problem = fmt::format("The sequence {}, {}, {}, {} goes on in the same way. What is term {}?",
                            first, first + step, first + 2 * step, first + 3 * step, n);
  out.thinking = fmt::format(
      "The difference from term to term is {} - {} = {}.\n"
      "Term {} is {} + {} * {} = {} + {} = {}.",
      first + step, operand(first), step, n, first, n - 1, operand(step), first,
      operand((n - 1) * step), value);
  out.solution = answer(std::to_string(value));
  return out;
}

constexpr std::array<ReasoningFamily, 12> kFamilies = {{
    {"linear", make_linear},
    {"balance", make_balance},
    {"quadratic", make_quadratic},
    {"derivative", make_derivative},
    {"fraction", make_fraction},
    {"gcd", make_gcd},
    {"lcm", make_lcm},
    {"remainder", make_remainder},
    {"product", make_product},
    {"sum", make_sum},
    {"binary", make_binary},
    {"sequence", make_sequence},
}};

}  // namespace

std::span<const ReasoningFamily> number_families() { return kFamilies; }

}  // namespace coe
