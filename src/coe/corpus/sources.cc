#include "coe/corpus/sources.h"

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/sampling.h"
#include "coe/corpus/source_steps.h"
#include "coe/corpus/spec.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace coe {
namespace {

bool text_passes(const SourceSpec& spec, const std::string& text) {
  for (const auto& filter : spec.filters) {
    if (filter.field.empty() && filter.pattern.found_in(text) != filter.keep) return false;
  }
  return true;
}

// Leaves out what the rules on the text and on its tokens do not let through.
Status filter_texts(const SourceSpec& spec, const BuildContext& context, Observer& observer,
                    SourceRecords& records) {
  const bool needs_tokens =
      spec.min_tokens > 0 || spec.max_tokens != kUnlimited || spec.token_cap != kUnlimited;
  if (spec.filters.empty() && !needs_tokens) return {};
  std::vector<Draft> kept;
  for (auto& draft : records.drafts) {
    bool pass = text_passes(spec, draft.text);
    if (pass && needs_tokens) {
      if (observer.cancelled()) return cancelled(spec);
      COE_TRY(draft.n_token, context.model.count_tokens(draft.text));
      pass = draft.n_token >= spec.min_tokens && draft.n_token <= spec.max_tokens;
    }
    if (pass)
      kept.push_back(std::move(draft));
    else
      ++records.n_filtered;
  }
  records.drafts = std::move(kept);
  return {};
}

Result<SourceRecords> read_filtered(const SourceSpec& spec, const BuildContext& context,
                                    Observer& observer) {
  const auto read = [&](const auto& kind) { return read_kind(spec, kind, context, observer); };
  COE_TRY(auto out, std::visit(read, spec.kind));
  COE_TRY_STATUS(filter_texts(spec, context, observer, out));
  sample_by_rank(out.drafts, spec.max_records, spec.seed, draft_name);
  sample_by_budget(out.drafts, spec.token_cap, spec.seed, draft_name,
                   [](const Draft& draft) { return draft.n_token; });
  return out;
}

}  // namespace

const std::string& draft_name(const Draft& draft) { return draft.text; }

Result<SourceRecords> read_source(const SourceSpec& spec, const BuildContext& context,
                                  Observer& observer) {
  auto out = read_filtered(spec, context, observer);
  if (!out) {
    Error error = std::move(out).error();
    if (error.message.find(spec.where) == std::string::npos)
      error = std::move(error).context(spec.where);
    return tl::unexpected(std::move(error));
  }
  if (out->drafts.empty())
    observer.warning(fmt::format(
        "{}: gave no record; {}", spec.where,
        out->n_filtered > 0 ? "its filters or limits leave nothing of it"
        : out->bad.n() > 0  ? "all of its records are bad"
                            : "min_chars, max_chars or skip_minified leave nothing of it"));
  return out;
}

}  // namespace coe
