#include "coe/corpus/spec.h"

#include "coe/base/file.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/toml_table.h"
#include "coe/base/weight.h"
#include "coe/corpus/near_duplicates.h"
#include "coe/corpus/source_spec.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
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

OffSpec* off_of(SourceSpec& source) {
  if (auto* jsonl = std::get_if<JsonlSource>(&source.kind)) return &jsonl->files.off;
  if (auto* questions = std::get_if<MmluProSource>(&source.kind)) return &questions->files.off;
  if (auto* files = std::get_if<FilesSource>(&source.kind)) return &files->off;
  return nullptr;
}

}  // namespace

Status take_held_out(CorpusSpec& spec, const Path& name) {
  for (auto& domain : spec.domains) {
    std::erase_if(domain.sources, [](SourceSpec& source) {
      const auto* off = off_of(source);
      return off == nullptr || off->off.empty();
    });
    for (auto& source : domain.sources) {
      OffSpec& off = *off_of(source);
      std::vector<std::uint64_t> others;
      for (std::uint64_t i = 0; i < off.modulus; ++i)
        if (std::ranges::find(off.off, i) == off.off.end()) others.push_back(i);
      off.off = std::move(others);
    }
    std::erase_if(domain.sources, [](SourceSpec& source) { return off_of(source)->off.empty(); });
    domain.keep_thin = true;
  }
  std::erase_if(spec.domains, [](const DomainSpec& domain) { return domain.sources.empty(); });
  if (!spec.domains.empty()) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("{}: no source of it holds anything out", name.string()),
              "give sources `off`, such as off = [0, 1, 2, 3, 4, 5, 6, 7, 8]");
}

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
  CorpusSpec spec;
  COE_TRY_STATUS(parse_toml(toml, file, "docs/formats/corpus.md describes the spec",
                            [&](const toml::table& root) -> Status {
                              COE_TRY(spec, read_spec(root, file));
                              return {};
                            }));
  return spec;
}

}  // namespace coe
