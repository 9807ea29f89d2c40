#include "coe/corpus/corpus_builder.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/weight.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/record_reader.h"
#include "coe/corpus/select.h"
#include "coe/corpus/text_spec.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

// What stands before "#3" in the field `source`.
std::string piece_of(const std::vector<JsonMember>& members) {
  const auto* member = find_member(members, "source");
  if (member == nullptr || member->kind != JsonMember::Kind::kString) return {};
  const std::string& source = member->text;
  const auto hash = source.rfind('#');
  const bool is_piece = hash != std::string::npos && hash + 1 < source.size() &&
                        source.find_first_not_of("0123456789", hash + 1) == std::string::npos;
  return is_piece ? source.substr(0, hash) : std::string();
}

}  // namespace

Result<std::uint64_t> CorpusBuilder::add_records(std::string_view bytes, const std::string& place,
                                                 const std::string& domain, const TextSpec& spec) {
  RecordReader records(bytes);
  std::uint64_t n_record = 0;
  while (true) {
    auto line = records.next();
    if (!line)
      return tl::unexpected(
          std::move(line).error().context(fmt::format("{}:{}", place, records.line())));
    if (!*line) break;
    ++n_record;
    const std::string where = fmt::format("{}:{}", place, (*line)->number);
    if (auto status = add_line((*line)->text, domain, where, spec); !status)
      return tl::unexpected(std::move(status).error().context(where));
  }
  if (n_record > 0) return n_record;
  return fail(Code::kCorrupt, fmt::format("{}: holds no record", place),
              R"(a corpus is JSON Lines: one object a line, such as {"text": "…"})");
}

Status CorpusBuilder::add_line(std::string_view line, const std::string& domain,
                               const std::string& where, const TextSpec& spec) {
  COE_TRY(const auto members, parse_json_line(line));
  auto text = spec.render(members);
  if (!text) {
    text.error().code = Code::kCorrupt;  // to the caller, a record without its text is broken
    return tl::unexpected(std::move(text).error());
  }
  if (text->empty())
    return fail(Code::kCorrupt, "the text is empty", "remove the record or choose other fields");
  return add(members, domain, {*std::move(text), where, piece_of(members)});
}

Status CorpusBuilder::add(const std::vector<JsonMember>& members, const std::string& domain,
                          Record record) {
  std::string name = domain;
  if (const auto* member = find_member(members, "domain")) {
    if (member->kind != JsonMember::Kind::kString || member->text.empty())
      return fail(Code::kCorrupt, "field `domain` must be a non-empty string");
    name = member->text;
  }
  Domain& own = domains_[name];
  if (const auto* member = find_member(members, "weight")) {
    if (member->kind != JsonMember::Kind::kNumber || !is_weight(member->number))
      return fail(Code::kCorrupt, fmt::format("field `weight` must be a number {}", kWeightBounds));
    COE_TRY_STATUS(set_weight(own, name, member->number, record.where));
  }
  own.records.push_back(std::move(record));
  return {};
}

Status CorpusBuilder::add(CorpusBuilder other) {
  for (auto& [name, domain] : other.domains_) {
    Domain& own = domains_[name];
    if (domain.weight) {
      if (auto status = set_weight(own, name, *domain.weight, domain.weight_where); !status)
        return tl::unexpected(std::move(status).error().context(domain.weight_where));
    }
    own.records.insert(own.records.end(), std::make_move_iterator(domain.records.begin()),
                       std::make_move_iterator(domain.records.end()));
  }
  return {};
}

Status CorpusBuilder::set_weight(Domain& domain, const std::string& name, double weight,
                                 const std::string& where) {
  if (!domain.weight) {
    domain.weight = weight;
    domain.weight_where = where;
  } else if (*domain.weight != weight) {
    return fail(Code::kCorrupt,
                fmt::format("domain `{}` has weight {}, but {} at {}", printable(name), weight,
                            *domain.weight, domain.weight_where),
                "give every record of a domain the same weight");
  }
  return {};
}

Corpus CorpusBuilder::finish() {
  Corpus out;
  for (auto& [name, domain] : domains_) {  // a std::map: in the order of names
    if (!domain.records.empty())
      out.domains.push_back({name, domain.weight.value_or(1.0), std::move(domain.records)});
  }
  out.digest = corpus_digest(out);
  return out;
}

}  // namespace coe
