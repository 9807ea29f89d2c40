#include "coe/profile/chat.h"

#include "coe/base/rng.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/window.h"

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

Result<ChatTask> plan_question(Engine& engine, const Record& record,
                               const GenerateOptions& options) {
  ChatTask task;
  const ChatMessage question = {"user", record.text};
  COE_TRY(task.prompt, engine.render_chat({&question, 1}, options.thinking));
  COE_TRY(auto tokens, engine.tokenize(task.prompt));
  if (tokens.size() >= engine.info().n_ctx)
    return fail(Code::kInvalidArgument,
                fmt::format("the question leaves no room in the context ({} tokens of {})",
                            tokens.size(), engine.info().n_ctx),
                "a larger -c gives more");
  task.windows.push_back(std::move(tokens));
  return task;
}

Result<ChatTask> plan_text(Engine& engine, const ChatMarkup& markup, const Record& record,
                           const ProfileOptions& options) {
  const EngineInfo& info = engine.info();
  const std::size_t max_tokens =
      options.max_tokens == 0 ? info.n_ctx : std::min<std::size_t>(options.max_tokens, info.n_ctx);
  ChatTask task;
  COE_TRY(const auto tokens, engine.tokenize(record.text));
  COE_TRY(const auto texts, engine.spell(tokens));
  task.segments = segment_roles(texts, markup, {.closing_window = options.closing_window});
  if (task.segments.n_turn == 0)
    return fail(
        Code::kCorrupt,
        fmt::format("no turn of the model in the text: nothing opens one with `{}`",
                    printable(markup.model_turns.front())),
        "roles need chats in the markup of the model's template; profile other text without "
        "them, or let the model answer it with --generate");
  task.windows = split_windows(tokens, max_tokens, info.bos_token);
  add_repeated_bos(task.segments, task.windows);
  return task;
}

Status decode_windows(Engine& engine, const ChatTask& task, const ProfileOptions& options,
                      RoutingTape& tape, Observer& observer) {
  std::size_t n_done = 0;
  for (const auto& window : task.windows) {
    tape.begin_sequence(static_cast<std::uint32_t>(n_done));
    DecodeRequest request;
    request.tokens = window;
    request.routing = &tape;
    request.outputs = options.outputs;
    request.observer = &observer;
    COE_TRY_STATUS(engine.decode(request));
    n_done += window.size();
  }
  return {};
}

Result<ChatRun> generate_answer(Engine& engine, const ChatMarkup& markup, const ChatTask& task,
                                std::uint64_t sample, const ProfileOptions& options,
                                RoutingTape& tape, Observer& observer) {
  const auto& prompt = task.windows.front();
  GenerateRequest request;
  request.prompt = prompt;
  request.max_new_tokens = options.generate->max_new_tokens;
  request.sampling = options.generate->sampling;
  request.sampling.seed = Rng(Rng(request.sampling.seed).next() + sample).next();
  request.routing = &tape;
  request.outputs = options.outputs;
  request.observer = &observer;
  COE_TRY(const auto generation, engine.generate(request));

  std::vector<std::int32_t> tokens = prompt;
  tokens.insert(tokens.end(), generation.tokens.begin(), generation.tokens.end());
  COE_TRY(const auto texts, engine.spell(tokens));
  ChatRun run;
  run.segments = segment_roles(
      texts, markup, {.closing_window = options.closing_window, .first_generated = prompt.size()});
  run.generated.text = task.prompt;
  for (std::size_t i = prompt.size(); i < texts.size(); ++i) run.generated.text += texts[i].text;
  run.generated.ended = generation.end_token >= 0;
  if (run.generated.ended) {
    COE_TRY(const auto end, engine.spell({&generation.end_token, 1}));
    run.generated.text += end.front().text;
  }
  run.generated.n_prompt = prompt.size();
  run.generated.n_new = generation.tokens.size();
  return run;
}

}  // namespace

Result<ChatTask> plan_chat(Engine& engine, const ChatMarkup& markup, const Record& record,
                           const ProfileOptions& options) {
  auto task = options.generate ? plan_question(engine, record, *options.generate)
                               : plan_text(engine, markup, record, options);
  if (!task) return tl::unexpected(std::move(task).error().context(record.where));
  return task;
}

Result<ChatRun> run_chat(Engine& engine, const ChatMarkup& markup, const ChatTask& task,
                         std::uint64_t sample, const ProfileOptions& options, RoutingTape& tape,
                         Observer& observer) {
  if (options.generate)
    return generate_answer(engine, markup, task, sample, options, tape, observer);
  COE_TRY_STATUS(decode_windows(engine, task, options, tape, observer));
  return ChatRun{task.segments, {}};
}

}  // namespace coe
