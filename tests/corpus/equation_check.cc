#include "equation_check.h"

#include "pattern.h"

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace coe::testing {
namespace {

using Int = std::int64_t;

struct Rational {
  Int p = 0;
  Int q = 1;
};

// expression := term (('+' | '-') term)*, term := factor (('*' | '/' | 'mod') factor)*.
class Evaluator {
 public:
  explicit Evaluator(const std::string& text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == ' ') continue;
      if (text.compare(i, 3, "mod") == 0) {
        tokens_.emplace_back("mod");
        i += 2;
      } else if (std::isdigit(static_cast<unsigned char>(text[i])) != 0) {
        std::size_t end = i;
        while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
        tokens_.push_back(text.substr(i, end - i));
        i = end - 1;
      } else {
        tokens_.emplace_back(1, text[i]);
      }
    }
  }

  std::optional<Rational> value() {
    const auto out = expression();
    return next_ == tokens_.size() ? out : std::nullopt;
  }

 private:
  bool take(std::string_view token) {
    if (next_ == tokens_.size() || tokens_[next_] != token) return false;
    ++next_;
    return true;
  }
  std::optional<Rational> expression() {
    auto left = term();
    while (left) {
      const bool plus = take("+");
      if (!plus && !take("-")) break;
      const auto right = term();
      if (!right) return std::nullopt;
      left =
          Rational{left->p * right->q + (plus ? 1 : -1) * right->p * left->q, left->q * right->q};
    }
    return left;
  }
  std::optional<Rational> term() {
    auto left = factor();
    while (left) {
      const bool times = take("*");
      const bool over = !times && take("/");
      if (!times && !over && !take("mod")) break;
      const auto right = factor();
      if (!right || right->p == 0) return times ? Rational{0, 1} : std::optional<Rational>();
      if (times)
        left = Rational{left->p * right->p, left->q * right->q};
      else if (over)
        left = Rational{left->p * right->q, left->q * right->p};
      else
        left = Rational{left->p % right->p, 1};
    }
    return left;
  }
  std::optional<Rational> factor() {
    if (take("-")) {
      const auto inner = factor();
      return inner ? std::optional(Rational{-inner->p, inner->q}) : std::nullopt;
    }
    if (take("(")) {
      const auto inner = expression();
      return take(")") ? inner : std::nullopt;
    }
    if (next_ == tokens_.size() || std::isdigit(static_cast<unsigned char>(tokens_[next_][0])) == 0)
      return std::nullopt;
    return Rational{std::stoll(tokens_[next_++]), 1};
  }

  std::vector<std::string> tokens_;
  std::size_t next_ = 0;
};

bool arithmetic(const std::string& word) {
  return word == "mod" || word.find_first_not_of("0123456789()+-*/") == std::string::npos;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

// The arithmetic at the end of `text`, and that at its start (which may end in punctuation).
std::string trailing(const std::string& text) {
  std::string out;
  auto list = words(text);
  for (auto it = list.rbegin(); it != list.rend() && arithmetic(*it); ++it)
    out.insert(0, *it + " ");
  return out;
}
std::string leading(const std::string& text) {
  std::string out;
  for (auto word : words(text)) {
    const bool ends =
        !word.empty() && std::string_view(".,;").find(word.back()) != std::string::npos;
    if (ends) word.pop_back();
    if (!arithmetic(word)) break;
    out += word + " ";
    if (ends) break;
  }
  return out;
}

}  // namespace

std::string wrong_equation(const std::string& thinking, int& n_checked) {
  std::istringstream lines(thinking);
  for (std::string line; std::getline(lines, line);) {
    if (const auto m = match(line, "%n / %n = %n remainder %n")) {
      ++n_checked;
      if (std::stoll((*m)[3]) * std::stoll((*m)[2]) + std::stoll((*m)[4]) != std::stoll((*m)[1]))
        return line;
      continue;
    }
    std::vector<std::string> sides;
    std::size_t begin = 0;
    for (auto at = line.find(" = "); at != std::string::npos; at = line.find(" = ", begin)) {
      sides.push_back(line.substr(begin, at - begin));
      begin = at + 3;
    }
    sides.push_back(line.substr(begin));
    for (std::size_t i = 0; i + 1 < sides.size(); ++i) {
      const auto left = Evaluator(trailing(sides[i])).value();
      const auto right = Evaluator(leading(sides[i + 1])).value();
      if (!left || !right) continue;
      ++n_checked;
      if (left->p * right->q != right->p * left->q) return line;
    }
  }
  return {};
}

}  // namespace coe::testing
