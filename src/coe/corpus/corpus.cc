#include "coe/corpus/corpus.h"

#include "coe/base/file.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/unpack.h"
#include "coe/base/weight.h"
#include "coe/corpus/foreign_file.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/record_reader.h"
#include "coe/corpus/select.h"
#include "coe/corpus/text_spec.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace coe {
namespace {

// Collects records by domain while files are read.
class CorpusBuilder {
 public:
  explicit CorpusBuilder(const TextSpec& spec) : spec_(spec) {}

  Status add_file(std::string_view bytes, const Path& name) {
    COE_TRY_STATUS(refuse_foreign(bytes, name));
    const std::string stem = name.stem().string();
    RecordReader records(bytes);
    std::uint64_t n_record = 0;
    while (true) {
      auto line_or = records.next();
      if (!line_or)
        return tl::unexpected(std::move(line_or).error().context(
            fmt::format("{}:{}", name.string(), records.line())));
      const auto& line = *line_or;
      if (!line) break;
      ++n_record;
      std::string where = fmt::format("{}:{}", name.string(), line->number);
      if (auto status = add_line(line->text, stem, where); !status)
        return tl::unexpected(std::move(status).error().context(where));
    }
    if (n_record > 0) return {};
    return fail(Code::kCorrupt, fmt::format("{}: holds no record", name.string()),
                R"(a corpus is JSON Lines: one object a line, such as {"text": "…"})");
  }

  Corpus finish() {
    Corpus out;
    for (auto& [name, domain] : domains_)  // a std::map: in the order of names
      out.domains.push_back({name, domain.weight.value_or(1.0), std::move(domain.records)});
    out.digest = corpus_digest(out);
    return out;
  }

 private:
  struct Domain {
    std::optional<double> weight;
    std::string weight_where;
    std::vector<Record> records;
  };

  Status add_line(std::string_view line, const std::string& stem, const std::string& where) {
    COE_TRY(const auto members, parse_json_line(line));
    auto text = spec_.render(members);
    if (!text) {
      text.error().code = Code::kCorrupt;  // to the caller, a record without its text is broken
      return tl::unexpected(std::move(text).error());
    }
    if (text->empty())
      return fail(Code::kCorrupt, "the text is empty", "remove the record or choose other fields");
    std::string name = stem;
    if (const auto* member = find_member(members, "domain")) {
      if (member->kind != JsonMember::Kind::kString || member->text.empty())
        return fail(Code::kCorrupt, "field `domain` must be a non-empty string");
      name = member->text;
    }
    Domain& domain = domains_[name];
    if (const auto* member = find_member(members, "weight"))
      COE_TRY_STATUS(set_weight(domain, name, *member, where));
    domain.records.push_back({*std::move(text), where, piece_of(members)});
    return {};
  }

  // What stands before "#3" in the field `source`.
  static std::string piece_of(const std::vector<JsonMember>& members) {
    const auto* member = find_member(members, "source");
    if (member == nullptr || member->kind != JsonMember::Kind::kString) return {};
    const std::string& source = member->text;
    const auto hash = source.rfind('#');
    const bool is_piece = hash != std::string::npos && hash + 1 < source.size() &&
                          source.find_first_not_of("0123456789", hash + 1) == std::string::npos;
    return is_piece ? source.substr(0, hash) : std::string();
  }

  static Status set_weight(Domain& domain, const std::string& name, const JsonMember& member,
                           const std::string& where) {
    if (member.kind != JsonMember::Kind::kNumber || !is_weight(member.number))
      return fail(Code::kCorrupt, fmt::format("field `weight` must be a number {}", kWeightBounds));
    if (!domain.weight) {
      domain.weight = member.number;
      domain.weight_where = where;
    } else if (*domain.weight != member.number) {
      return fail(Code::kCorrupt,
                  fmt::format("domain `{}` has weight {}, but {} at {}", printable(name),
                              member.number, *domain.weight, domain.weight_where),
                  "give every record of a domain the same weight");
    }
    return {};
  }

  const TextSpec& spec_;
  std::map<std::string, Domain> domains_;
};

}  // namespace

std::uint64_t Corpus::n_record() const {
  std::uint64_t n = 0;
  for (const auto& domain : domains) n += domain.records.size();
  return n;
}

const TextSpec& default_text_spec() {
  static const TextSpec spec = TextSpec::parse("text").value();
  return spec;
}

Result<Corpus> load_corpus(std::span<const Path> files, const TextSpec& spec) {
  if (files.empty())
    return fail(Code::kInvalidArgument, "corpus: no file given", "name at least one JSONL file");
  CorpusBuilder builder(spec);
  std::set<Path> seen;
  for (const auto& file : files) {
    std::error_code ec;
    Path real = std::filesystem::canonical(file, ec);
    if (!ec && !seen.insert(std::move(real)).second)
      return fail(Code::kInvalidArgument, fmt::format("{}: given twice", file.string()),
                  "name each corpus file once");
    COE_TRY(const auto opened, TextFile::open(file));
    COE_TRY_STATUS(builder.add_file(opened.text(), file));
  }
  return builder.finish();
}

Result<Corpus> parse_corpus(std::string_view jsonl, const Path& name, const TextSpec& spec) {
  CorpusBuilder builder(spec);
  COE_TRY_STATUS(builder.add_file(jsonl, name));
  return builder.finish();
}

}  // namespace coe
