#include "coe/corpus/build.h"

#include "coe/base/file.h"
#include "coe/base/hash.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/sampling.h"
#include "coe/corpus/sources.h"
#include "coe/corpus/spec.h"
#include "coe/corpus/utf8.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coe {
namespace {

std::string text_key(std::string_view text) {
  Hasher hasher;
  hasher.add(text);
  return hasher.digest();
}

Result<std::string> record_line(const Draft& draft, const DomainSpec& domain) {
  try {
    nlohmann::ordered_json record;
    record["text"] = draft.text;
    record["domain"] = domain.name;
    record["weight"] = domain.weight;
    record["source"] = draft.source;
    record["format"] = draft.format;
    for (const auto& [name, value] : draft.extra) record[name] = value;
    return record.dump() + "\n";
  } catch (const std::exception& error) {
    return fail(Code::kInternal, fmt::format("{}: {}", draft.source, error.what()));
  }
}

class Builder {
 public:
  Builder(AtomicFile output, BuildContext context, Observer& observer)
      : output_(std::move(output)), context_(std::move(context)), observer_(observer) {}

  Status add(const DomainSpec& spec) {
    BuiltDomain built{spec.name, spec.weight};
    std::vector<Draft> drafts;
    std::unordered_set<std::string> keys;
    for (const auto& source : spec.sources) {
      if (observer_.cancelled())
        return fail(Code::kCancelled, fmt::format("{}: interrupted", source.where));
      COE_TRY(auto found, read_source(source, context_, observer_));
      for (auto& draft : found) {
        std::string key = text_key(draft.text);
        if (seen_.contains(key) || !keys.insert(std::move(key)).second)
          ++built.n_duplicate;
        else
          drafts.push_back(std::move(draft));
      }
      observer_.progress("corpus", ++n_source_done_, n_source_, "sources");
    }
    sample_by_rank(drafts, spec.max_records, spec.seed,
                   [](const Draft& draft) -> const std::string& { return draft.text; });
    built.n_record = drafts.size();
    for (const auto& draft : drafts) built.n_char += count_chars(draft.text);
    built.left_out = built.n_record < spec.min_records && !spec.keep_thin;
    if (built.left_out) {
      observer_.warning(fmt::format(
          "{}: left out: {} record{} (min_records {}); keep_thin = true keeps it", spec.where,
          built.n_record, built.n_record == 1 ? "" : "s", spec.min_records));
    } else {
      for (const auto& draft : drafts) {
        COE_TRY(const std::string line, record_line(draft, spec));
        hasher_.add(line);
        COE_TRY_STATUS(output_.write(line));
      }
      seen_.merge(keys);
      report_.n_record += built.n_record;
      report_.n_char += built.n_char;
    }
    report_.domains.push_back(std::move(built));
    return {};
  }

  void expect(std::uint64_t n_source) { n_source_ = n_source; }

  Result<CorpusBuildReport> finish(const Path& spec) {
    if (report_.n_record == 0)
      return fail(Code::kNotFound, fmt::format("{}: no domain has enough records", spec.string()),
                  "lower min_records, set keep_thin = true, or give the domains more sources");
    COE_TRY_STATUS(output_.commit());
    report_.digest = hasher_.digest();
    return std::move(report_);
  }

 private:
  AtomicFile output_;
  BuildContext context_;
  Observer& observer_;
  Hasher hasher_;
  std::unordered_set<std::string> seen_;  // keys of all texts written
  std::uint64_t n_source_ = 0;
  std::uint64_t n_source_done_ = 0;
  CorpusBuildReport report_;
};

}  // namespace

Result<CorpusBuildReport> build_corpus(const CorpusBuildOptions& options, Observer& observer) {
  COE_TRY(const std::string toml, read_text(options.spec));
  COE_TRY(const CorpusSpec spec, parse_corpus_spec(toml, options.spec));
  const Path root = options.root.empty() ? options.spec.parent_path() : options.root;
  COE_TRY(auto output, AtomicFile::create(options.output, options.overwrite));
  Builder builder(std::move(output), {root, options.output}, observer);
  std::uint64_t n_source = 0;
  for (const auto& domain : spec.domains) n_source += domain.sources.size();
  builder.expect(n_source);
  for (const auto& domain : spec.domains) COE_TRY_STATUS(builder.add(domain));
  return builder.finish(options.spec);
}

}  // namespace coe
