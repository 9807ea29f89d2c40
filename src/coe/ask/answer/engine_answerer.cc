#include "coe/ask/answer/engine_answerer.h"

#include "coe/engine/prompt.h"
#include "coe/engine/roles.h"
#include "coe/engine/thinking_stream.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Follows the text while it is written: the loop guard's eyes, and the caller's.
class Reader : public TokenObserver {
 public:
  Reader(Engine& engine, const AnswerRequest& request, const ChatMarkup& markup,
         std::string_view prompt)
      : engine_(engine), request_(request), stream_(markup, prompt) {
    if (request.guard_loops) guard_.emplace(request.loop);
  }

  bool on_token(std::int32_t token) override {
    stopped_ = request_.stops && request_.stops();
    if (!guard_ && !request_.on_text) return !stopped_;
    auto spelled = engine_.spell({&token, 1});
    if (!spelled) {
      status_ = tl::unexpected(std::move(spelled).error());
      return false;
    }
    const std::string& piece = spelled->front().text;
    if (request_.on_text) show(stream_.take(piece));
    if (guard_) guard_->feed(piece);
    return status_.has_value() && !looped() && !stopped_;
  }
  void end() {
    if (request_.on_text) show(stream_.end());
  }

  bool stopped() const { return stopped_; }
  std::size_t n_stray() const { return stream_.n_stray(); }

  bool looped() const { return guard_ && guard_->looped(); }
  const Status& status() const { return status_; }

 private:
  void show(const std::vector<WrittenPart>& parts) {
    for (const auto& part : parts)
      if (status_) status_ = request_.on_text(part.text, part.thinking);
  }

  Engine& engine_;
  const AnswerRequest& request_;
  ThinkingStream stream_;
  bool stopped_ = false;
  std::optional<LoopGuard> guard_;
  Status status_;
};

}  // namespace

Result<EngineAnswerer> EngineAnswerer::create(Engine& engine, std::string model,
                                              const ExpertFilter* filter) {
  COE_TRY(auto markup, engine.chat_markup());
  return EngineAnswerer(engine, filter, std::move(markup),
                        {std::move(model), engine.info().engine});
}

Result<ChatAnswer> EngineAnswerer::answer(const AnswerRequest& request, Observer& observer) {
  const auto start = std::chrono::steady_clock::now();
  COE_TRY(auto prompt, render_prompt(*engine_, request.messages, request.thinking, "the chat"));
  Reader reader(*engine_, request, markup_, prompt.text);
  GenerateRequest generate;
  generate.prompt = prompt.tokens;
  generate.max_new_tokens = request.max_new_tokens;
  generate.sampling = request.sampling;
  generate.filter = filter_;
  generate.keeps_cache = request.keeps_cache;
  generate.written = &reader;
  generate.observer = &observer;
  COE_TRY(const auto generation, engine_->generate(generate));
  reader.end();
  COE_TRY_STATUS(reader.status());

  ChatAnswer answer;
  answer.n_token_prompt = prompt.tokens.size();
  answer.n_token = generation.tokens.size();
  answer.n_stray_marker = reader.n_stray();
  if (reader.looped())
    answer.end = AnswerEnd::kLoop;
  else if (reader.stopped())
    answer.end = AnswerEnd::kStopped;
  else if (generation.end_token < 0)
    answer.end = AnswerEnd::kLength;
  auto tokens = std::move(prompt.tokens);
  tokens.insert(tokens.end(), generation.tokens.begin(), generation.tokens.end());
  COE_TRY(const auto texts, engine_->spell(tokens));
  auto segments = segment_roles(texts, markup_, {.first_generated = answer.n_token_prompt});
  answer.thinking = std::move(segments.thinking);
  answer.content = std::move(segments.answer);
  answer.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return answer;
}

}  // namespace coe
