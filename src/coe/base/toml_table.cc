#include "coe/base/toml_table.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/text.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

std::string type_name(const toml::node& node) {
  std::ostringstream out;
  out << node.type();
  return out.str();
}

// Skips a string of TOML that begins at `at`; returns where it ends.
std::size_t end_of_string(std::string_view toml, std::size_t at) {
  const char quote = toml[at];
  const std::string whole(3, quote);
  const bool is_long = toml.substr(at).starts_with(whole);
  for (std::size_t i = at + (is_long ? 3 : 1); i < toml.size(); ++i) {
    if (toml[i] == '\\' && quote == '"')
      ++i;
    else if (is_long ? toml.substr(i).starts_with(whole) : toml[i] == quote || toml[i] == '\n')
      return i + (is_long ? 3 : 1);
  }
  return toml.size();
}

// Each dot of a key is a table in a table, and the library walks these by calling itself. Returns
// the line of a key with more parts than any spec has, or 0.
std::uint64_t line_of_deep_key(std::string_view toml) {
  constexpr std::size_t kMostDots = 16;
  std::uint64_t line = 1;
  std::size_t n_dot = 0;
  for (std::size_t i = 0; i < toml.size();) {
    const char c = toml[i];
    std::size_t next = i + 1;
    if (c == '"' || c == '\'') {
      next = end_of_string(toml, i);
    } else if (c == '#') {
      next = std::min(toml.find('\n', i), toml.size());
    } else if (c == '.') {
      if (++n_dot > kMostDots) return line;
    } else if (std::string_view("=,[]{}\n").find(c) != std::string_view::npos) {
      n_dot = 0;
    }
    line += static_cast<std::uint64_t>(std::count(toml.begin() + static_cast<std::ptrdiff_t>(i),
                                                  toml.begin() + static_cast<std::ptrdiff_t>(next),
                                                  '\n'));
    i = next;
  }
  return 0;
}

}  // namespace

Status parse_toml(std::string_view text, const std::string& file, std::string_view help,
                  const std::function<Status(const toml::table& root)>& read) {
  if (const std::uint64_t line = line_of_deep_key(text); line > 0)
    return fail(Code::kCorrupt, fmt::format("{}:{}: a key of too many parts", file, line),
                std::string(help));
  try {
    const toml::table root = toml::parse(text, file);
    return read(root);
  } catch (const toml::parse_error& error) {
    return fail(Code::kCorrupt,
                fmt::format("{}:{}: not TOML: {}", file, error.source().begin.line,
                            printable(error.description())),
                std::string(help));
  } catch (const std::exception& error) {
    return fail(Code::kInternal, fmt::format("{}: {}", file, error.what()));
  }
}

TomlTable::TomlTable(const toml::table& table, std::string file, std::string what)
    : table_(&table), file_(std::move(file)), what_(std::move(what)) {}

std::string TomlTable::where() const {
  return fmt::format("{}:{}: {}", file_, std::max(1U, table_->source().begin.line), what_);
}

tl::unexpected<Error> TomlTable::bad(std::string_view key, std::string_view problem,
                                     std::string hint) const {
  const toml::node* node = table_->get(key);
  const auto line = (node != nullptr ? *node : *table_).source().begin.line;
  return fail(Code::kCorrupt,
              fmt::format("{}:{}: {}: key `{}`: {}", file_, std::max(1U, line), what_,
                          printable(key), problem),
              std::move(hint));
}

tl::unexpected<Error> TomlTable::missing(std::string_view key) const {
  return fail(Code::kCorrupt, fmt::format("{}: no key `{}`", where(), key),
              fmt::format("{} needs it; docs/formats/corpus.md describes the spec", what_));
}

const toml::node* TomlTable::find(std::string_view key) {
  known_.emplace_back(key);
  return table_->get(key);
}

Result<std::string> TomlTable::string(std::string_view key) {
  if (!has(key)) return missing(key);
  return string_or(key, {});
}

Result<std::string> TomlTable::string_or(std::string_view key, std::string_view otherwise) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::string(otherwise);
  if (const auto* value = node->as_string()) return value->get();
  return bad(key, fmt::format("it is {}, but must be a string", type_name(*node)));
}

Result<std::string> TomlTable::string_or_count(std::string_view key, std::string_view otherwise) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::string(otherwise);
  if (const auto* value = node->as_string()) return value->get();
  const auto* number = node->as_integer();
  if (number != nullptr && number->get() >= 0) return fmt::format("{}", number->get());
  return bad(key, fmt::format("it is {}, but must be a string or a whole number from 0 on",
                              type_name(*node)));
}

Result<std::vector<std::string>> TomlTable::strings(std::string_view key) {
  if (!has(key)) return missing(key);
  COE_TRY(auto out, strings_or(key, {}));
  if (out.empty()) return bad(key, "the list is empty");
  return out;
}

Result<std::vector<std::string>> TomlTable::strings_or(std::string_view key,
                                                       std::vector<std::string> otherwise) {
  const toml::node* node = find(key);
  if (node == nullptr) return otherwise;
  if (const auto* value = node->as_string()) return std::vector<std::string>{value->get()};
  std::vector<std::string> out;
  if (const auto* array = node->as_array()) {
    for (const auto& element : *array) {
      const auto* value = element.as_string();
      if (value == nullptr)
        return bad(key, fmt::format("element {} is {}, but must be a string", out.size() + 1,
                                    type_name(element)));
      out.push_back(value->get());
    }
    return out;
  }
  return bad(key,
             fmt::format("it is {}, but must be a string or a list of strings", type_name(*node)));
}

Result<std::uint64_t> TomlTable::count(std::string_view key, std::uint64_t low,
                                       std::uint64_t high) {
  if (!has(key)) return missing(key);
  return count_or(key, low, low, high);
}

Result<std::uint64_t> TomlTable::count_or(std::string_view key, std::uint64_t otherwise,
                                          std::uint64_t low, std::uint64_t high) {
  const toml::node* node = find(key);
  if (node == nullptr) return otherwise;
  const auto* value = node->as_integer();
  if (value == nullptr)
    return bad(key, fmt::format("it is {}, but must be a whole number", type_name(*node)));
  if (value->get() < 0 || static_cast<std::uint64_t>(value->get()) < low)
    return bad(key, fmt::format("{} is below {}", value->get(), low));
  const auto out = static_cast<std::uint64_t>(value->get());
  if (out > high) return bad(key, fmt::format("{} is above {}", out, high));
  return out;
}

Result<std::vector<std::uint64_t>> TomlTable::counts_or_none(std::string_view key) {
  const toml::node* node = find(key);
  std::vector<std::uint64_t> out;
  if (node == nullptr) return out;
  const auto* array = node->as_array();
  if (array == nullptr)
    return bad(key, fmt::format("it is {}, but must be a list of whole numbers", type_name(*node)));
  for (const auto& element : *array) {
    const auto* value = element.as_integer();
    if (value == nullptr || value->get() < 0)
      return bad(key, fmt::format("element {} is no whole number from 0 on", out.size() + 1));
    out.push_back(static_cast<std::uint64_t>(value->get()));
  }
  if (out.empty()) return bad(key, "the list is empty");
  return out;
}

Result<double> TomlTable::number_or(std::string_view key, double otherwise) {
  const toml::node* node = find(key);
  if (node == nullptr) return otherwise;
  double out = 0.0;
  if (const auto* value = node->as_floating_point()) {
    out = value->get();
  } else if (const auto* integer = node->as_integer()) {
    out = static_cast<double>(integer->get());
  } else {
    return bad(key, fmt::format("it is {}, but must be a number", type_name(*node)));
  }
  if (!std::isfinite(out)) return bad(key, "it is not finite");
  return out;
}

Result<bool> TomlTable::flag_or(std::string_view key, bool otherwise) {
  const toml::node* node = find(key);
  if (node == nullptr) return otherwise;
  if (const auto* value = node->as_boolean()) return value->get();
  return bad(key, fmt::format("it is {}, but must be true or false", type_name(*node)));
}

Result<std::vector<TomlTable>> TomlTable::tables(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return missing(key);
  const auto* array = node->as_array();
  std::vector<TomlTable> out;
  if (array != nullptr) {
    for (const auto& element : *array) {
      const auto* table = element.as_table();
      if (table == nullptr) break;
      const std::string name =
          what_ == "the spec" ? std::string(key) : fmt::format("{}, {}", what_, key);
      out.emplace_back(*table, file_, fmt::format("{} {}", name, out.size() + 1));
    }
  }
  if (array == nullptr || array->empty() || out.size() != array->size())
    return bad(key, fmt::format("it must be written as [[{}]] tables", key));
  return out;
}

Result<std::vector<TomlTable>> TomlTable::tables_or_none(std::string_view key) {
  if (has(key)) return tables(key);
  known_.emplace_back(key);
  return std::vector<TomlTable>();
}

Result<std::optional<TomlTable>> TomlTable::table_or_none(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::optional<TomlTable>();
  const auto* table = node->as_table();
  if (table == nullptr)
    return bad(key, fmt::format("it is {}, but must be a table", type_name(*node)));
  return std::optional(TomlTable(*table, file_, fmt::format("{}, {}", what_, key)));
}

Status TomlTable::finish() const {
  for (const auto& [key, node] : *table_) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string_view match = closest_match(name, known_);
    return fail(Code::kCorrupt,
                fmt::format("{}:{}: {}: unknown key `{}`", file_,
                            std::max(1U, key.source().begin.line), what_, printable(name)),
                match.empty() ? fmt::format("keys here: {}", fmt::join(known_, ", "))
                              : fmt::format("did you mean `{}`?", match));
  }
  return {};
}

}  // namespace coe
