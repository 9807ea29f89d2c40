#include "coe/corpus/spec.h"

#include "coe/base/file.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/weight.h"
#include "coe/corpus/near_duplicates.h"
#include "coe/corpus/source_spec.h"
#include "coe/corpus/toml_table.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

bool valid_domain_name(std::string_view name) {
  constexpr std::size_t kLongest = 32;
  return !name.empty() && name.size() <= kLongest &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

Result<DomainSpec> read_domain(TomlTable table, const SpecDefaults& outer) {
  DomainSpec out;
  COE_TRY(out.name, table.string("name"));
  if (!valid_domain_name(out.name))
    return table.bad("name", fmt::format("`{}` is no domain name", printable(out.name)),
                     "1 to 32 letters, digits, `_`, `-` and `.`");
  table.rename(fmt::format("domain `{}`", out.name));
  out.where = table.where();
  COE_TRY(out.weight, table.number_or("weight", 1.0));
  if (!is_weight(out.weight))
    return table.bad("weight", fmt::format("it must be {}", kWeightBounds));
  COE_TRY(out.min_records, table.count_or("min_records", out.min_records, 0, INT64_MAX));
  COE_TRY(out.max_records, table.count_or("max_records", kUnlimited, 1, INT64_MAX));
  COE_TRY(out.min_tokens, table.count_or("min_tokens", 0, 0, INT64_MAX));
  COE_TRY(out.token_cap, table.count_or("max_tokens", kUnlimited, 1, INT64_MAX));
  COE_TRY(out.keep_thin, table.flag_or("keep_thin", false));
  COE_TRY(const SpecDefaults own, read_defaults(table, outer));
  out.seed = own.seed;
  COE_TRY(auto sources, table.tables("source"));
  for (auto& source : sources) {
    COE_TRY(SourceSpec spec, read_source_spec(std::move(source), own));
    out.sources.push_back(std::move(spec));
  }
  COE_TRY_STATUS(table.finish());
  return out;
}

Result<NearDuplicateOptions> read_near(TomlTable& table) {
  using Unit = NearDuplicateOptions::Unit;
  NearDuplicateOptions out;
  COE_TRY(out.threshold, table.number_or("near_duplicate", 0.0));
  if (table.has("near_duplicate") && (!(out.threshold > 0.0) || out.threshold > 1.0))
    return table.bad("near_duplicate", "it must be above 0 and at most 1");
  COE_TRY(const std::string unit, table.string_or("shingle", "word"));
  if (unit != "word" && unit != "character")
    return table.bad("shingle", fmt::format("there is no shingle `{}`", printable(unit)),
                     "shingles are of a word or a character");
  out.unit = unit == "word" ? Unit::kWord : Unit::kCharacter;
  const std::uint64_t otherwise = out.unit == Unit::kWord ? 3 : 9;
  COE_TRY(out.shingle_size, table.count_or("shingle_size", otherwise, 1, 1000));
  for (const auto* key : {"shingle", "shingle_size"}) {
    if (table.has(key) && out.threshold == 0.0) return table.bad(key, "it needs near_duplicate");
  }
  return out;
}

Result<CorpusSpec> read_spec(const toml::table& root, const std::string& file) {
  TomlTable table(root, file, "the spec");
  CorpusSpec out;
  COE_TRY(const SpecDefaults defaults, read_defaults(table, {}));
  COE_TRY(out.near, read_near(table));
  COE_TRY(auto domains, table.tables("domain"));
  for (auto& domain : domains) {
    COE_TRY(DomainSpec spec, read_domain(std::move(domain), defaults));
    for (const auto& other : out.domains) {
      if (other.name == spec.name)
        return fail(Code::kCorrupt,
                    fmt::format("{}: key `name`: another domain has it already", spec.where),
                    "give each domain a name of its own, or put the sources into one");
    }
    out.domains.push_back(std::move(spec));
  }
  COE_TRY_STATUS(table.finish());
  return out;
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

std::string needs_model(const CorpusSpec& spec) {
  const auto key = [](const std::string& where, std::string_view name) {
    return fmt::format("{}: key `{}`", where, name);
  };
  for (const auto& domain : spec.domains) {
    if (domain.min_tokens > 0) return key(domain.where, "min_tokens");
    if (domain.token_cap != kUnlimited) return key(domain.where, "max_tokens");
    for (const auto& source : domain.sources) {
      if (source.chat) return key(source.where, "chat");
      if (source.min_tokens > 0) return key(source.where, "min_record_tokens");
      if (source.max_tokens != kUnlimited) return key(source.where, "max_record_tokens");
      if (source.token_cap != kUnlimited) return key(source.where, "max_tokens");
    }
  }
  return {};
}

Result<CorpusSpec> parse_corpus_spec(std::string_view toml, const Path& name) {
  const std::string file = name.string();
  if (const std::uint64_t line = line_of_deep_key(toml); line > 0)
    return fail(Code::kCorrupt, fmt::format("{}:{}: a key of too many parts", file, line),
                "docs/formats/corpus.md describes the spec");
  try {
    const toml::table root = toml::parse(toml, file);
    return read_spec(root, file);
  } catch (const toml::parse_error& error) {
    return fail(Code::kCorrupt,
                fmt::format("{}:{}: not TOML: {}", file, error.source().begin.line,
                            printable(error.description())),
                "docs/formats/corpus.md describes the spec");
  } catch (const std::exception& error) {
    return fail(Code::kInternal, fmt::format("{}: {}", file, error.what()));
  }
}

}  // namespace coe
