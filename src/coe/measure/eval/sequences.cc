#include "coe/measure/eval/sequences.h"

#include "coe/corpus/window.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace coe {

namespace {

// All subjects and the reference must see the same tokens. Returns the longest sequence that all
// can take.
Result<std::size_t> common_context(std::span<const EvalSubject* const> all) {
  const EngineInfo& first = all.front()->engine->info();
  std::size_t n_ctx = first.n_ctx;
  for (const auto* one : all) {
    const EngineInfo& info = one->engine->info();
    if (info.n_vocab != first.n_vocab)
      return fail(Code::kMismatch,
                  fmt::format("the models have vocabularies of {} and {} tokens", first.n_vocab,
                              info.n_vocab),
                  "compare a specialist with the parent it was cut from");
    n_ctx = std::min<std::size_t>(n_ctx, info.n_ctx);
  }
  return n_ctx;
}

Result<std::vector<std::int32_t>> common_tokens(std::span<const EvalSubject* const> all,
                                                const Record& record) {
  std::vector<std::int32_t> tokens;
  const Engine* last = nullptr;
  for (const auto* one : all) {
    if (one->engine == last) continue;
    auto found = one->engine->tokenize(record.text);
    if (!found) return tl::unexpected(std::move(found).error().context(record.where));
    if (last != nullptr && *found != tokens)
      return fail(Code::kMismatch,
                  fmt::format("{}: the models tokenise it differently", record.where),
                  "compare a specialist with the parent it was cut from");
    tokens = *std::move(found);
    last = one->engine;
  }
  return tokens;
}

struct Lengths {
  std::size_t cut = 0;     // 0: not at all
  std::size_t window = 0;  // 0: none
  std::size_t stride = 0;
};

Result<Lengths> lengths_of(const EvalOptions& options, std::size_t n_ctx) {
  if (options.window == 0) {
    if (options.stride != 0)
      return fail(Code::kInvalidArgument, "a stride needs a window", "give both");
    return Lengths{options.max_tokens == 0 ? n_ctx
                                           : std::min<std::size_t>(n_ctx, options.max_tokens)};
  }
  if (options.window < 2 || options.window > n_ctx)
    return fail(
        Code::kInvalidArgument,
        fmt::format("a window of {} tokens (2 to the context of {})", options.window, n_ctx),
        "choose another window, or a larger context");
  const std::size_t stride = options.stride == 0 ? options.window / 2 : options.stride;
  if (stride >= options.window)
    return fail(Code::kInvalidArgument,
                fmt::format("a stride of {} tokens leaves a window of {} no context", stride,
                            options.window),
                "choose a smaller stride, for example half the window");
  return Lengths{options.max_tokens, options.window, stride};
}

// Plans which parts of a record run, and from which token on each counts.
std::vector<Window> windows_of(std::vector<std::int32_t> tokens, const Lengths& lengths,
                               std::int32_t bos) {
  if (lengths.cut > 0 && tokens.size() > lengths.cut) tokens.resize(lengths.cut);
  if (lengths.window > 0) return sliding_windows(tokens, lengths.window, lengths.stride, bos);
  return {{std::move(tokens), 0}};
}

}  // namespace

Result<std::vector<ScoredSequence>> plan_sequences(std::span<const EvalSubject* const> all,
                                                   const Corpus& corpus, const EvalOptions& options,
                                                   Observer& observer) {
  COE_TRY(const std::size_t n_ctx, common_context(all));
  COE_TRY(const auto lengths, lengths_of(options, n_ctx));
  const std::int32_t bos = all.front()->engine->info().bos_token;
  std::vector<ScoredSequence> sequences;
  for (std::size_t d = 0; d < corpus.domains.size(); ++d) {
    const auto& records = corpus.domains[d].records;
    for (std::size_t r = 0; r < records.size(); ++r) {
      if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
      COE_TRY(auto tokens, common_tokens(all, records[r]));
      for (auto& window : windows_of(std::move(tokens), lengths, bos)) {
        ScoredSequence sequence{d, r, std::move(window.tokens), {}};
        sequence.scored.resize(sequence.tokens.size());
        for (std::size_t i = std::max<std::size_t>(window.first_new, 1); i < sequence.scored.size();
             ++i)
          sequence.scored[i] = true;
        if (std::ranges::find(sequence.scored, true) == sequence.scored.end()) continue;
        sequences.push_back(std::move(sequence));
      }
    }
  }
  return sequences;
}

}  // namespace coe
