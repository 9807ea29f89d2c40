#include "coe/corpus/build.h"

#include "coe/base/file.h"
#include "coe/base/hash.h"
#include "coe/base/json.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/base/utf8.h"
#include "coe/corpus/bad_records.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/manifest.h"
#include "coe/corpus/near_duplicates.h"
#include "coe/corpus/sampling.h"
#include "coe/corpus/sources.h"
#include "coe/corpus/spec.h"
#include "coe/corpus/text_spec.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coe {
namespace {

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

// Records of earlier domains live in the output only; near-duplicates read them there again.
class WrittenRecords {
 public:
  explicit WrittenRecords(const NearDuplicateOptions& near) : likes_(near) {}

  Result<bool> has_like(const NearDuplicates::Sketch& sketch, const AtomicFile& output) const {
    COE_TRY(const auto like,
            likes_.find(sketch, [&](NearDuplicates::Id id) { return text_of(id, output); }));
    return like.has_value();
  }
  void add(std::string_view text, std::uint64_t offset, std::size_t size) {
    likes_.add(likes_.sketch(text), static_cast<NearDuplicates::Id>(places_.size()));
    places_.emplace_back(offset, size);
  }

 private:
  Result<std::string> text_of(NearDuplicates::Id id, const AtomicFile& output) const {
    COE_TRY(const std::string line, output.read_back(places_[id].first, places_[id].second));
    return default_text_spec().render(line);
  }

  NearDuplicates likes_;
  std::vector<std::pair<std::uint64_t, std::size_t>> places_;
};

class Builder {
 public:
  Builder(AtomicFile output, BuildContext context, const CorpusSpec& spec, Observer& observer)
      : output_(std::move(output)),
        context_(std::move(context)),
        near_(spec.near),
        written_(spec.near),
        observer_(observer) {
    for (const auto& domain : spec.domains) n_source_ += domain.sources.size();
  }

  Status add(const DomainSpec& spec) {
    BuiltDomain built{spec.name, spec.weight};
    std::unordered_set<std::string> keys;
    COE_TRY(auto drafts, read_distinct(spec, built, keys));
    if (near_.threshold > 0.0) COE_TRY_STATUS(drop_near_duplicates(drafts, built));
    sample_by_rank(drafts, spec.max_records, spec.seed, draft_name);
    if (context_.model.count_tokens) COE_TRY_STATUS(count_tokens(drafts));
    sample_by_budget(drafts, spec.token_cap, spec.seed, draft_name,
                     [](const Draft& draft) { return draft.n_token; });
    built.n_record = drafts.size();
    for (const auto& draft : drafts) {
      built.n_char += count_chars(draft.text);
      built.n_token += draft.n_token;
    }
    built.left_out = !spec.keep_thin && is_thin(spec, built);
    if (!built.left_out) {
      COE_TRY_STATUS(write(spec, drafts));
      seen_.merge(keys);
      report_.n_record += built.n_record;
      report_.n_char += built.n_char;
      report_.n_token += built.n_token;
    }
    report_.domains.push_back(std::move(built));
    return {};
  }

  Result<CorpusBuildReport> finish(const CorpusBuildOptions& options, std::string_view spec_text,
                                   AtomicFile manifest) {
    if (report_.n_record == 0)
      return fail(Code::kNotFound,
                  fmt::format("{}: no domain has enough records", options.spec.string()),
                  "lower min_records, set keep_thin = true, or give the domains more sources");
    report_.digest = hasher_.digest();
    COE_TRY(const std::string text,
            manifest_json(options, spec_text, context_.log, report_, context_.model));
    COE_TRY_STATUS(manifest.write(text));
    COE_TRY_STATUS(manifest.commit());
    COE_TRY_STATUS(output_.commit());
    return std::move(report_);
  }

 private:
  // Gathers the records of all sources, but for texts that occurred before.
  Result<std::vector<Draft>> read_distinct(const DomainSpec& spec, BuiltDomain& built,
                                           std::unordered_set<std::string>& keys) {
    std::vector<Draft> drafts;
    BadRecords bad;
    for (const auto& source : spec.sources) {
      if (observer_.cancelled())
        return fail(Code::kCancelled, fmt::format("{}: interrupted", source.where));
      COE_TRY(auto found, read_source(source, context_, observer_));
      built.n_filtered += found.n_filtered;
      bad.add(found.bad);
      for (auto& draft : found.drafts) {
        std::string key = digest_of(draft.text);
        if (seen_.contains(key) || !keys.insert(std::move(key)).second)
          ++built.n_duplicate;
        else
          drafts.push_back(std::move(draft));
      }
      observer_.progress("corpus", ++n_source_done_, n_source_, "sources");
    }
    built.n_bad = bad.n();
    built.bad = bad.reasons();
    return drafts;
  }

  Status drop_near_duplicates(std::vector<Draft>& drafts, BuiltDomain& built) {
    NearDuplicates likes(near_);
    std::vector<Draft> kept;
    const auto text_of = [&](NearDuplicates::Id id) -> Result<std::string> {
      return kept[id].text;
    };
    for (auto& draft : drafts) {
      if (observer_.cancelled()) return fail(Code::kCancelled, "near-duplicates: interrupted");
      const auto sketch = likes.sketch(draft.text);
      COE_TRY(const bool is_written, written_.has_like(sketch, output_));
      COE_TRY(const auto like, likes.find(sketch, text_of));
      if (is_written || like) {
        ++built.n_near_duplicate;
        continue;
      }
      likes.add(sketch, static_cast<NearDuplicates::Id>(kept.size()));
      kept.push_back(std::move(draft));
    }
    drafts = std::move(kept);
    return {};
  }

  Status count_tokens(std::vector<Draft>& drafts) {
    for (auto& draft : drafts) {
      if (observer_.cancelled()) return fail(Code::kCancelled, "counting tokens: interrupted");
      if (draft.n_token > 0) continue;  // a limit of the source has needed it
      COE_TRY(draft.n_token, context_.model.count_tokens(draft.text));
    }
    return {};
  }

  bool is_thin(const DomainSpec& spec, const BuiltDomain& built) {
    const auto warn = [&](std::uint64_t n, std::string_view unit, std::string_view key,
                          std::uint64_t least) {
      observer_.warning(fmt::format("{}: left out: {} {}{} ({} {}); keep_thin = true keeps it",
                                    spec.where, n, unit, n == 1 ? "" : "s", key, least));
      return true;
    };
    if (built.n_record < spec.min_records)
      return warn(built.n_record, "record", "min_records", spec.min_records);
    if (built.n_token < spec.min_tokens)
      return warn(built.n_token, "token", "min_tokens", spec.min_tokens);
    return false;
  }

  Status write(const DomainSpec& spec, const std::vector<Draft>& drafts) {
    for (const auto& draft : drafts) {
      COE_TRY(const std::string line, record_line(draft, spec));
      hasher_.add(line);
      COE_TRY_STATUS(output_.write(line));
      if (near_.threshold > 0.0) written_.add(draft.text, report_.n_byte, line.size() - 1);
      report_.n_byte += line.size();
    }
    return {};
  }

  AtomicFile output_;
  BuildContext context_;
  NearDuplicateOptions near_;
  WrittenRecords written_;
  Observer& observer_;
  Hasher hasher_;
  std::unordered_set<std::string> seen_;  // keys of all texts written
  std::uint64_t n_source_ = 0;
  std::uint64_t n_source_done_ = 0;
  CorpusBuildReport report_;
};

// A spec is read whole, so what is far too large for one is refused first.
Status check_spec_size(const Path& spec) {
  constexpr std::uintmax_t kLargest = 16 << 20;
  std::error_code ec;
  const auto size = std::filesystem::file_size(spec, ec);
  if (ec || size <= kLargest) return {};
  return fail(Code::kCorrupt, fmt::format("{}: {} are no spec", spec.string(), human_bytes(size)),
              "a spec is a TOML text of some lines; data are named in it as sources");
}

}  // namespace

Result<CorpusBuildReport> build_corpus(const CorpusBuildOptions& options, Observer& observer) {
  COE_TRY_STATUS(check_spec_size(options.spec));
  COE_TRY(const std::string toml, read_text(options.spec));
  COE_TRY(CorpusSpec spec, parse_corpus_spec(toml, options.spec));
  if (options.held_out) COE_TRY_STATUS(take_held_out(spec, options.spec));
  if (const std::string where = needs_model(spec); !where.empty() && !options.model.count_tokens)
    return fail(Code::kInvalidArgument, fmt::format("{}: it needs a model", where),
                "give the parent with -m: its template renders chats, its tokenizer counts tokens");
  const Path root = options.root.empty() ? options.spec.parent_path() : options.root;
  COE_TRY(auto output, AtomicFile::create(options.output, options.overwrite));
  // The corpus gets its name last, so that it never stands without its manifest. A manifest alone
  // is what a killed run left.
  const auto left = read_text(manifest_path(options.output));
  const bool is_left = left && is_manifest(*left);
  COE_TRY(auto manifest, AtomicFile::create(manifest_path(options.output),
                                            is_left ? Overwrite::kAllow : options.overwrite));
  SourceLog log;
  Builder builder(std::move(output), {root, options.output, options.model, log, options.max_bad},
                  spec, observer);
  for (const auto& domain : spec.domains) COE_TRY_STATUS(builder.add(domain));
  return builder.finish(options, toml, std::move(manifest));
}

}  // namespace coe
