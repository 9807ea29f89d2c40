// A TOML table is a form to fill: keys are asked for by name and type, and finish() refuses those
// that nobody asked for. Every error names file, line, table and key.
#pragma once

#include "coe/base/result.h"

#include <toml++/toml.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// Parses the text of `file` and has `read` fill in the form. `help` is the hint of errors of
// syntax. Errors: kCorrupt, with the line, for what is no TOML; those of `read`.
Status parse_toml(std::string_view text, const std::string& file, std::string_view help,
                  const std::function<Status(const toml::table& root)>& read);

class TomlTable {
 public:
  // The table must outlive this. `what` is how messages call it: "domain `web`".
  TomlTable(const toml::table& table, std::string file, std::string what);

  // "spec.toml:12: domain `web`".
  std::string where() const;
  void rename(std::string what) { what_ = std::move(what); }
  bool has(std::string_view key) const { return table_->contains(key); }

  // Some of these values must be there, others have a default. All errors: kCorrupt.
  Result<std::string> string(std::string_view key);
  Result<std::string> string_or(std::string_view key, std::string_view otherwise);
  // Returns a string, or the digits of a whole number from 0 on.
  Result<std::string> string_or_count(std::string_view key, std::string_view otherwise);
  // Returns the strings of a string, or of an array that is not empty.
  Result<std::vector<std::string>> strings(std::string_view key);
  Result<std::vector<std::string>> strings_or(std::string_view key,
                                              std::vector<std::string> otherwise);
  Result<std::uint64_t> count(std::string_view key, std::uint64_t low, std::uint64_t high);
  Result<std::uint64_t> count_or(std::string_view key, std::uint64_t otherwise, std::uint64_t low,
                                 std::uint64_t high);
  // Returns whole numbers, none below 0, or nothing when the key is not there. An empty list is an
  // error.
  Result<std::vector<std::uint64_t>> counts_or_none(std::string_view key);
  Result<double> number_or(std::string_view key, double otherwise);
  Result<bool> flag_or(std::string_view key, bool otherwise);
  // Returns the tables of [[key]], at least one, named "<what>, <key> 1", ….
  Result<std::vector<TomlTable>> tables(std::string_view key);
  // Does the same, but gives none when the key is not there.
  Result<std::vector<TomlTable>> tables_or_none(std::string_view key);
  // Returns [key] or key = { … }, named "<what>, <key>", or nothing when it is not there.
  Result<std::optional<TomlTable>> table_or_none(std::string_view key);

  // Makes an error at `key`, with its line.
  tl::unexpected<Error> bad(std::string_view key, std::string_view problem,
                            std::string hint = {}) const;

  // Errors: kCorrupt when the table holds a key that was not asked for.
  Status finish() const;

 private:
  const toml::node* find(std::string_view key);
  tl::unexpected<Error> missing(std::string_view key) const;

  const toml::table* table_;
  std::string file_;
  std::string what_;
  std::vector<std::string> known_;
};

}  // namespace coe
