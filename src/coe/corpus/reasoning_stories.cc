#include "coe/base/rng.h"
#include "coe/corpus/reasoning.h"
#include "coe/corpus/reasoning_families.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using Int = std::int64_t;

constexpr std::array<std::string_view, 24> kPeople = {
    "Anna",  "Ben",   "Clara", "David",  "Ella",   "Felix", "Gina",  "Hugo",
    "Irene", "Jonas", "Karin", "Leo",    "Mona",   "Nils",  "Oscar", "Paula",
    "Ralf",  "Sara",  "Theo",  "Ursula", "Viktor", "Wanda", "Yara",  "Zoe"};
constexpr std::array<std::string_view, 16> kThings = {
    "apples", "books", "cards",   "pencils", "stamps",  "coins",  "lemons", "bottles",
    "shells", "eggs",  "tickets", "candles", "buttons", "stones", "plates", "oranges"};
constexpr std::array<std::string_view, 7> kDays = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                   "Friday", "Saturday", "Sunday"};

template <std::size_t n>
std::string_view pick(Rng& rng, const std::array<std::string_view, n>& from) {
  return from[rng.below(n)];
}

// Two different entries.
template <std::size_t n>
std::array<std::string_view, 2> pick_two(Rng& rng, const std::array<std::string_view, n>& from) {
  const auto first = rng.below(n);
  auto second = rng.below(n - 1);
  if (second >= first) ++second;
  return {from[first], from[second]};
}

// "3, 4 and 5".
std::string listing(const std::vector<Int>& values) {
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += i + 1 == values.size() ? " and " : ", ";
    out += std::to_string(values[i]);
  }
  return out;
}

ReasoningProblem make_packing(Rng& rng) {
  const auto who = pick(rng, kPeople);
  const auto what = pick(rng, kThings);
  const Int size = rng.between(6, 24);
  const Int full = rng.between(8, 60);
  const Int left = rng.between(1, size - 1);
  const Int n = size * full + left;
  ReasoningProblem out;
  out.problem = fmt::format(
      "{} has {} {} and puts {} of them in each box. How many boxes are full, and how many {} are "
      "left over?",
      who, n, what, size, what);
  out.thinking = fmt::format("Divide {} by {}.\n{} * {} = {}, and {} - {} = {}.", n, size, size,
                             full, size * full, n, size * full, left);
  out.solution = answer(fmt::format("{} full boxes with {} left over", full, left));
  return out;
}

ReasoningProblem make_average(Rng& rng) {
  const auto who = pick(rng, kPeople);
  const auto n = static_cast<std::size_t>(rng.between(3, 6));
  std::vector<Int> scores;
  for (std::size_t i = 0; i + 1 < n; ++i) scores.push_back(rng.between(40, 95));
  // The last score makes the sum a multiple of n.
  const Int so_far = std::accumulate(scores.begin(), scores.end(), Int{0});
  const auto count = static_cast<Int>(n);
  Int last = rng.between(40, 90);
  last += (count - (so_far + last) % count) % count;
  scores.push_back(last);
  const Int total = so_far + last;
  ReasoningProblem out;
  out.problem = fmt::format("{} got {} points in {} games. What is the average score?", who,
                            listing(scores), n);
  out.thinking =
      fmt::format("The sum is {} = {}.\nThere are {} games, so the average is {} / {} = {}.",
                  fmt::join(scores, " + "), total, n, total, n, total / count);
  out.solution = answer(std::to_string(total / count));
  return out;
}

ReasoningProblem make_rectangle(Rng& rng) {
  constexpr std::array<std::string_view, 6> kPlaces = {"garden", "floor", "field",
                                                       "yard",   "hall",  "wall"};
  const auto place = pick(rng, kPlaces);
  const Int a = rng.between(5, 60);
  const Int b = rng.between(5, 60);
  ReasoningProblem out;
  out.problem = fmt::format(
      "A {} is {} meters long and {} meters wide. What is its area, and what is its perimeter?",
      place, a, b);
  out.thinking = fmt::format(
      "The area is {} * {} = {} square meters.\nThe perimeter is 2 * ({} + {}) = 2 * {} = {} "
      "meters.",
      a, b, a * b, a, b, a + b, 2 * (a + b));
  out.solution =
      answer(fmt::format("area {} square meters, perimeter {} meters", a * b, 2 * (a + b)));
  return out;
}

ReasoningProblem make_age(Rng& rng) {
  const auto [young, old] = pick_two(rng, kPeople);
  const Int age = rng.between(4, 25);
  const Int times = rng.between(2, 4);
  const Int years = rng.between(2, 20);
  ReasoningProblem out;
  out.problem =
      fmt::format("{} is {} years old, and {} is {} times as old. How old will {} be in {} years?",
                  young, age, old, times, old, years);
  out.thinking =
      fmt::format("{} is now {} * {} = {} years old.\nIn {} years that will be {} + {} = {}.", old,
                  times, age, times * age, years, times * age, years, times * age + years);
  out.solution = answer(fmt::format("{} years old", times * age + years));
  return out;
}

ReasoningProblem make_price(Rng& rng) {
  constexpr std::array<std::string_view, 8> kGoods = {"coat",  "lamp", "chair",  "watch",
                                                      "table", "tent", "guitar", "bicycle"};
  const auto what = pick(rng, kGoods);
  const Int percent = 5 * rng.between(1, 15);
  const Int price = 20 * rng.between(2, 60);
  const Int off = price * percent / 100;
  ReasoningProblem out;
  out.problem = fmt::format("A {} costs ${}. In a sale it is {}% cheaper. What is the sale price?",
                            what, price, percent);
  out.thinking = fmt::format(
      "{}% of {} is {} * {} / 100 = {} dollars.\nThe sale price is {} - {} = {} dollars.", percent,
      price, price, percent, off, price, off, price - off);
  out.solution = answer(fmt::format("${}", price - off));
  return out;
}

ReasoningProblem make_saving(Rng& rng) {
  const auto who = pick(rng, kPeople);
  const Int wage = 20 * rng.between(2, 40);
  const Int percent = 5 * rng.between(1, 12);
  const Int weeks = rng.between(3, 50);
  const Int saved = wage * percent / 100;
  ReasoningProblem out;
  out.problem =
      fmt::format("{} earns ${} a week and puts {}% of it aside. How much is that after {} weeks?",
                  who, wage, percent, weeks);
  out.thinking = fmt::format(
      "In one week {} saves {} * {} / 100 = {} dollars.\nIn {} weeks that is {} * {} = {} dollars.",
      who, wage, percent, saved, weeks, saved, weeks, saved * weeks);
  out.solution = answer(fmt::format("${}", saved * weeks));
  return out;
}

ReasoningProblem make_weekday(Rng& rng) {
  const auto today = rng.below(kDays.size());
  const Int n = rng.between(10, 999);
  const Int step = n % 7;
  const auto day = kDays[(today + static_cast<std::size_t>(step)) % kDays.size()];
  ReasoningProblem out;
  out.problem =
      fmt::format("If today is {}, what day of the week is it {} days from now?", kDays[today], n);
  out.thinking =
      fmt::format("A week has 7 days.\n{} mod 7 = {} - {} = {}.\n{} days after {} is {}.", n, n,
                  n - step, step, step, kDays[today], day);
  out.solution = answer(day);
  return out;
}

ReasoningProblem make_chance(Rng& rng) {
  constexpr std::array<std::string_view, 6> kColors = {"red",   "blue",  "green",
                                                       "white", "black", "yellow"};
  std::array<std::string_view, 6> order = kColors;
  rng.shuffle(std::span<std::string_view>(order));
  const std::array<Int, 3> n = {rng.between(1, 12), rng.between(1, 12), rng.between(1, 12)};
  const auto asked = rng.below(3);
  const Int total = n[0] + n[1] + n[2];
  ReasoningProblem out;
  out.problem = fmt::format(
      "A box holds {} {}, {} {} and {} {} balls. One ball is taken at random. What is the "
      "probability that it is {}?",
      n[0], order[0], n[1], order[1], n[2], order[2], order[asked]);
  out.thinking = fmt::format(
      "There are {} + {} + {} = {} balls, and {} of them {} {}.\nThe probability is {}/{}{}.", n[0],
      n[1], n[2], total, n[asked], n[asked] == 1 ? "is" : "are", order[asked], n[asked], total,
      std::gcd(n[asked], total) == 1 ? "" : " = " + fraction(n[asked], total));
  out.solution = answer(fraction(n[asked], total));
  return out;
}

ReasoningProblem make_trip(Rng& rng) {
  constexpr std::array<std::string_view, 4> kWays = {"drives", "cycles", "sails", "rides"};
  const auto who = pick(rng, kPeople);
  const auto way = pick(rng, kWays);
  const Int t1 = rng.between(2, 9);
  const Int t2 = rng.between(2, 9);
  const Int v1 = rng.between(8, 60);
  const Int v2 = rng.between(8, 60);
  ReasoningProblem out;
  out.problem = fmt::format(
      "{} {} for {} hours at {} miles per hour, then for {} hours at {} miles per hour. How long "
      "is "
      "the trip?",
      who, way, t1, v1, t2, v2);
  out.thinking = fmt::format(
      "The first part is {} * {} = {} miles.\nThe second part is {} * {} = {} miles.\n"
      "Together that is {} + {} = {} miles.",
      v1, t1, v1 * t1, v2, t2, v2 * t2, v1 * t1, v2 * t2, v1 * t1 + v2 * t2);
  out.solution = answer(fmt::format("{} miles", v1 * t1 + v2 * t2));
  return out;
}

ReasoningProblem make_units(Rng& rng) {
  struct Conversion {
    std::string_view big;
    std::string_view small;
    Int factor;
  };
  constexpr std::array<Conversion, 5> kConversions = {{{"hours", "minutes", 60},
                                                       {"minutes", "seconds", 60},
                                                       {"kilometers", "meters", 1000},
                                                       {"kilograms", "grams", 1000},
                                                       {"feet", "inches", 12}}};
  const auto& [big, small, factor] = kConversions[rng.below(kConversions.size())];
  const Int whole = rng.between(2, 40);
  const Int part = rng.between(2, factor - 1);
  ReasoningProblem out;
  out.problem = fmt::format("How many {} are {} {} and {} {}?", small, whole, big, part, small);
  out.thinking = fmt::format("{} {} are {} * {} = {} {}.\n{} + {} = {}", whole, big, whole, factor,
                             whole * factor, small, whole * factor, part, whole * factor + part);
  out.solution = answer(fmt::format("{} {}", whole * factor + part, small));
  return out;
}

ReasoningProblem make_pair(Rng& rng) {
  const Int small = rng.between(1, 150);
  const Int difference = rng.between(1, 90);
  const Int large = small + difference;
  const Int sum = small + large;
  ReasoningProblem out;
  out.problem = fmt::format("Two numbers have the sum {} and the difference {}. What are they?",
                            sum, difference);
  out.thinking = fmt::format(
      "Call them x and y: x + y = {} and x - y = {}.\nAdding both gives 2x = {} + {} = {}, so x = "
      "{}.\n"
      "Then y = {} - {} = {}.",
      sum, difference, sum, difference, sum + difference, large, sum, large, small);
  out.solution = answer(fmt::format("{} and {}", large, small));
  return out;
}

ReasoningProblem make_shopping(Rng& rng) {
  const auto who = pick(rng, kPeople);
  const auto [first, second] = pick_two(rng, kThings);
  const Int n1 = rng.between(2, 12);
  const Int n2 = rng.between(2, 12);
  const Int p1 = rng.between(2, 12);
  const Int p2 = rng.between(2, 12);
  const Int cost = n1 * p1 + n2 * p2;
  const Int paid = (cost / 20 + 1) * 20;
  ReasoningProblem out;
  out.problem = fmt::format(
      "{} buys {} {} at ${} each and {} {} at ${} each, and pays with ${}. How much change does {} "
      "get?",
      who, n1, first, p1, n2, second, p2, paid, who);
  out.thinking = fmt::format(
      "The {} cost {} * {} = {} dollars.\nThe {} cost {} * {} = {} dollars.\n"
      "Together that is {} + {} = {} dollars.\nThe change is {} - {} = {} dollars.",
      first, n1, p1, n1 * p1, second, n2, p2, n2 * p2, n1 * p1, n2 * p2, cost, paid, cost,
      paid - cost);
  out.solution = answer(fmt::format("${}", paid - cost));
  return out;
}

ReasoningProblem make_trade(Rng& rng) {
  const auto [who, other] = pick_two(rng, kPeople);
  const auto what = pick(rng, kThings);
  const Int start = rng.between(20, 90);
  const Int given = rng.between(2, start - 5);
  const Int found = rng.between(2, 40);
  ReasoningProblem out;
  out.problem = fmt::format(
      "{} has {} {}, gives {} of them to {} and then finds {} more. How many {} does {} have now?",
      who, start, what, given, other, found, what, who);
  out.thinking = fmt::format(
      "After giving some away, {} has {} - {} = {}.\nWith the new ones that is {} + {} = {}.", who,
      start, given, start - given, start - given, found, start - given + found);
  out.solution = answer(fmt::format("{} {}", start - given + found, what));
  return out;
}

constexpr std::array<ReasoningFamily, 13> kFamilies = {{
    {"packing", make_packing},
    {"average", make_average},
    {"rectangle", make_rectangle},
    {"age", make_age},
    {"price", make_price},
    {"saving", make_saving},
    {"weekday", make_weekday},
    {"chance", make_chance},
    {"trip", make_trip},
    {"units", make_units},
    {"pair", make_pair},
    {"shopping", make_shopping},
    {"trade", make_trade},
}};

}  // namespace

std::span<const ReasoningFamily> story_families() { return kFamilies; }

}  // namespace coe
