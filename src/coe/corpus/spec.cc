#include "coe/corpus/spec.h"

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/glob.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/reasoning.h"
#include "coe/corpus/text_spec.h"
#include "coe/corpus/toml_table.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::uint64_t kMostProblems = 1'000'000;

// What a domain hands down to its sources.
struct Defaults {
  std::uint64_t seed = 1;
  std::uint64_t min_chars = 0;
  std::uint64_t max_chars = kUnlimited;
};

Result<Defaults> read_defaults(TomlTable& table, const Defaults& outer) {
  Defaults out;
  COE_TRY(out.seed, table.count_or("seed", outer.seed, 0, INT64_MAX));
  COE_TRY(out.min_chars, table.count_or("min_chars", outer.min_chars, 0, INT64_MAX));
  COE_TRY(out.max_chars, table.count_or("max_chars", outer.max_chars, 1, INT64_MAX));
  if (out.min_chars > out.max_chars)
    return table.bad(
        table.has("min_chars") ? "min_chars" : "max_chars",
        fmt::format("min_chars {} is above max_chars {}", out.min_chars, out.max_chars));
  return out;
}

Status check_patterns(TomlTable& table, std::string_view key,
                      const std::vector<std::string>& patterns) {
  for (const auto& pattern : patterns) {
    if (const std::string problem = glob_problem(pattern); !problem.empty())
      return table.bad(key, fmt::format("pattern `{}`: {}", printable(pattern), problem));
  }
  return {};
}

// Reads a text spec; with `allowed`, its fields must be among them.
Result<TextSpec> read_text_spec(TomlTable& table, std::string_view key, std::string_view otherwise,
                                const std::vector<std::string>& allowed) {
  COE_TRY(const std::string text, table.string_or(key, otherwise));
  auto spec = TextSpec::parse(text);
  if (!spec) {
    const Error error = std::move(spec).error();
    return table.bad(key, error.message, error.hint);
  }
  for (const auto& field : spec->fields()) {
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), field) == allowed.end())
      return table.bad(key, fmt::format("unknown field {{{}}}", printable(field)),
                       fmt::format("fields here: {}", fmt::join(allowed, ", ")));
  }
  return spec;
}

// "1/2": index and count.
Result<ReasoningFold> read_fold(TomlTable& table) {
  COE_TRY(const std::string text, table.string_or("fold", "0/1"));
  ReasoningFold fold;
  const char* const end = text.data() + text.size();
  const auto index = std::from_chars(text.data(), end, fold.index);
  if (index.ec == std::errc() && index.ptr != end && *index.ptr == '/') {
    const auto count = std::from_chars(index.ptr + 1, end, fold.count);
    if (count.ec == std::errc() && count.ptr == end && fold.index < fold.count) return fold;
  }
  return table.bad("fold", fmt::format("`{}` is no part such as 0/2 or 1/2", printable(text)),
                   "write index/count with an index below the count");
}

Status read_splitting(TomlTable& table, SourceSpec& out, bool otherwise) {
  COE_TRY(out.split, table.flag_or("split", otherwise));
  COE_TRY(out.pieces, table.count_or("pieces", 0, 0, INT64_MAX));
  if (table.has("pieces") && !out.split) return table.bad("pieces", "it needs split = true");
  return {};
}

Status read_jsonl(TomlTable& table, SourceSpec& out) {
  COE_TRY(out.paths, table.strings("path"));
  COE_TRY_STATUS(check_patterns(table, "path", out.paths));
  COE_TRY(out.text, read_text_spec(table, "text", "text", {}));
  COE_TRY(out.max_records, table.count_or("max_records", kUnlimited, 1, INT64_MAX));
  return read_splitting(table, out, false);
}

Status read_files(TomlTable& table, SourceSpec& out) {
  COE_TRY(out.folder, table.string("root"));
  COE_TRY(out.include, table.strings_or("include", {"**"}));
  COE_TRY(out.exclude, table.strings_or("exclude", {}));
  COE_TRY_STATUS(check_patterns(table, "include", out.include));
  COE_TRY_STATUS(check_patterns(table, "exclude", out.exclude));
  COE_TRY(out.text, read_text_spec(table, "template", "{text}", {"text", "path"}));
  COE_TRY(out.max_files, table.count_or("max_files", kUnlimited, 1, INT64_MAX));
  COE_TRY(out.wrap, table.count_or("wrap", 0, 0, INT64_MAX));
  COE_TRY(out.skip_minified, table.flag_or("skip_minified", true));
  return read_splitting(table, out, true);
}

Status read_reasoning(TomlTable& table, SourceSpec& out) {
  COE_TRY(out.n, table.count("n", 1, kMostProblems));
  COE_TRY(out.fold, read_fold(table));
  COE_TRY(out.text, read_text_spec(table, "template", "{problem}\n{thinking}\n{solution}",
                                   {"problem", "thinking", "solution", "family"}));
  return {};
}

Result<SourceSpec> read_source(TomlTable table, const Defaults& outer) {
  using Reader = Status (*)(TomlTable&, SourceSpec&);
  struct Entry {
    SourceSpec::Kind kind;
    Reader read;
  };
  static const std::map<std::string, Entry> kinds = {
      {"jsonl", {SourceSpec::Kind::kJsonl, read_jsonl}},
      {"files", {SourceSpec::Kind::kFiles, read_files}},
      {"reasoning", {SourceSpec::Kind::kReasoning, read_reasoning}}};
  SourceSpec out;
  out.where = table.where();
  COE_TRY(const std::string kind, table.string("kind"));
  const auto found = kinds.find(kind);
  if (found == kinds.end())
    return table.bad("kind", fmt::format("there is no source kind `{}`", printable(kind)),
                     "kinds are jsonl, files and reasoning");
  out.kind = found->second.kind;
  COE_TRY(const Defaults own, read_defaults(table, outer));
  out.seed = own.seed;
  out.min_chars = own.min_chars;
  out.max_chars = own.max_chars;
  COE_TRY(out.format, table.string_or("format", ""));
  COE_TRY_STATUS(found->second.read(table, out));
  COE_TRY_STATUS(table.finish());
  return out;
}

bool valid_domain_name(std::string_view name) {
  constexpr std::size_t kLongest = 32;
  return !name.empty() && name.size() <= kLongest &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

Result<DomainSpec> read_domain(TomlTable table, const Defaults& outer) {
  DomainSpec out;
  COE_TRY(out.name, table.string("name"));
  if (!valid_domain_name(out.name))
    return table.bad("name", fmt::format("`{}` is no domain name", printable(out.name)),
                     "1 to 32 letters, digits, `_`, `-` and `.`");
  table.rename(fmt::format("domain `{}`", out.name));
  out.where = table.where();
  COE_TRY(out.weight, table.number_or("weight", 1.0));
  if (!(out.weight > 0.0)) return table.bad("weight", "it must be above 0");
  COE_TRY(out.min_records, table.count_or("min_records", out.min_records, 0, INT64_MAX));
  COE_TRY(out.max_records, table.count_or("max_records", kUnlimited, 1, INT64_MAX));
  COE_TRY(out.keep_thin, table.flag_or("keep_thin", false));
  COE_TRY(const Defaults own, read_defaults(table, outer));
  out.seed = own.seed;
  COE_TRY(auto sources, table.tables("source"));
  for (auto& source : sources) {
    COE_TRY(SourceSpec spec, read_source(std::move(source), own));
    out.sources.push_back(std::move(spec));
  }
  COE_TRY_STATUS(table.finish());
  return out;
}

Result<CorpusSpec> read_spec(const toml::table& root, const std::string& file) {
  TomlTable table(root, file, "the spec");
  CorpusSpec out;
  COE_TRY(const Defaults defaults, read_defaults(table, {}));
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

}  // namespace

Result<CorpusSpec> parse_corpus_spec(std::string_view toml, const Path& name) {
  const std::string file = name.string();
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
