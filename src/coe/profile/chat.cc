#include "coe/profile/chat.h"

#include "coe/base/printable.h"
#include "coe/base/rng.h"
#include "coe/corpus/window.h"
#include "coe/engine/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

namespace coe {

namespace {

// What the windows after the first begin with anew is prompt.
void add_repeated_bos(Segments& segments, std::span<const std::vector<std::int32_t>> windows) {
  std::size_t n_windowed = 0;
  for (const auto& window : windows) n_windowed += window.size();
  if (n_windowed == segments.roles.size()) return;
  std::size_t at = windows.front().size();
  for (const auto& window : windows.subspan(1)) {
    segments.roles.insert(segments.roles.begin() + static_cast<std::ptrdiff_t>(at), Role::kPrompt);
    at += window.size();
  }
}

Result<ChatWork> plan_question(Engine& engine, const Record& record,
                               const GenerateOptions& options) {
  const ChatMessage question = {"user", record.text};
  COE_TRY(auto prompt, render_prompt(engine, {&question, 1}, options.thinking, "the question"));
  ChatWork work;
  work.prompt = std::move(prompt.text);
  work.windows.push_back(std::move(prompt.tokens));
  return work;
}

Result<ChatWork> plan_text(Engine& engine, const ChatMarkup& markup, const Record& record,
                           const ProfileOptions& options) {
  const EngineInfo& info = engine.info();
  const std::size_t max_tokens =
      options.max_tokens == 0 ? info.n_ctx : std::min<std::size_t>(options.max_tokens, info.n_ctx);
  ChatWork work;
  COE_TRY(const auto tokens, engine.tokenize(record.text));
  COE_TRY(const auto texts, engine.spell(tokens));
  work.segments = segment_roles(texts, markup, {.closing_window = options.closing_window});
  if (work.segments.n_turn == 0)
    return fail(
        Code::kCorrupt,
        fmt::format("no turn of the model in the text: nothing opens one with `{}`",
                    printable(markup.model_turns.front())),
        "roles need chats in the markup of the model's template; profile other text without "
        "them, or let the model answer it with --generate");
  work.windows = split_windows(tokens, max_tokens, info.bos_token);
  add_repeated_bos(work.segments, work.windows);
  return work;
}

}  // namespace

Result<ChatWork> plan_chat(Engine& engine, const ChatMarkup& markup, const Record& record,
                           const ProfileOptions& options) {
  auto work = options.generate ? plan_question(engine, record, *options.generate)
                               : plan_text(engine, markup, record, options);
  if (!work) return tl::unexpected(std::move(work).error().context(record.where));
  return work;
}

Result<std::optional<ChatCount>> count_chats(Engine& engine, const Corpus& text) {
  const auto markup = engine.chat_markup();
  if (!markup && markup.error().code == Code::kUnsupported) return std::nullopt;
  if (!markup) return tl::unexpected(markup.error());
  ChatCount count;
  for (const auto& domain : text.domains) {
    for (const auto& record : domain.records) {
      COE_TRY(const auto tokens, engine.tokenize(record.text));
      COE_TRY(const auto texts, engine.spell(tokens));
      const bool is_chat = segment_roles(texts, *markup, {}).n_turn > 0;
      (is_chat ? count.chat : count.no_chat) = &record;
      count.n_record += 1;
      count.n_chat += is_chat ? 1 : 0;
    }
  }
  return count;
}

Result<bool> are_chats(Engine& engine, const Corpus& text) {
  COE_TRY(const auto count, count_chats(engine, text));
  if (!count || count->chat == nullptr) return false;
  if (count->no_chat != nullptr)
    return fail(Code::kCorrupt,
                fmt::format("{}: is a chat of the model's template, and {} is none",
                            count->chat->where, count->no_chat->where),
                "chats are profiled by role, other text is not: put them into files of their own");
  return true;
}

Result<Answer> answer_question(Engine& engine, const ChatMarkup& markup, const Question& question,
                               const ProfileOptions& options, RoutingObserver& routing,
                               Observer& observer) {
  GenerateRequest request;
  request.prompt = question.tokens;
  request.max_new_tokens = options.generate->max_new_tokens;
  request.sampling = options.generate->sampling;
  request.sampling.seed = derived_seed(request.sampling.seed, question.sample);
  request.routing = &routing;
  request.outputs = options.outputs;
  request.filter = options.filter;
  request.observer = &observer;
  COE_TRY(const auto generation, engine.generate(request));

  const std::size_t n_prompt = question.tokens.size();
  std::vector<std::int32_t> tokens(question.tokens.begin(), question.tokens.end());
  tokens.insert(tokens.end(), generation.tokens.begin(), generation.tokens.end());
  COE_TRY(const auto texts, engine.spell(tokens));
  Answer answer;
  answer.segments = segment_roles(
      texts, markup, {.closing_window = options.closing_window, .first_generated = n_prompt});
  auto& generated = answer.generated;
  generated.text = question.text;
  for (std::size_t i = n_prompt; i < texts.size(); ++i) generated.text += texts[i].text;
  generated.ended = generation.end_token >= 0;
  if (generated.ended) {
    COE_TRY(const auto end, engine.spell({&generation.end_token, 1}));
    generated.text += end.front().text;
  }
  generated.n_prompt = n_prompt;
  generated.n_new = generation.tokens.size();
  return answer;
}

}  // namespace coe
