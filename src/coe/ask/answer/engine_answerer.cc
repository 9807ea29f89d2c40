#include "coe/ask/answer/engine_answerer.h"

#include "coe/engine/prompt.h"
#include "coe/engine/roles.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace coe {

namespace {

// Follows the text while it is written: the loop guard's eyes, and the caller's.
class Reader : public TokenObserver {
 public:
  Reader(Engine& engine, const AnswerRequest& request) : engine_(engine), request_(request) {
    if (request.guard_loops) guard_.emplace(request.loop);
  }

  bool on_token(std::int32_t token) override {
    if (!guard_ && !request_.on_text) return true;
    auto spelled = engine_.spell({&token, 1});
    if (!spelled) {
      status_ = tl::unexpected(std::move(spelled).error());
      return false;
    }
    const std::string& piece = spelled->front().text;
    if (request_.on_text) status_ = request_.on_text(piece);
    if (guard_) guard_->feed(piece);
    return status_.has_value() && !looped();
  }

  bool looped() const { return guard_ && guard_->looped(); }
  const Status& status() const { return status_; }

 private:
  Engine& engine_;
  const AnswerRequest& request_;
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
  Reader reader(*engine_, request);
  GenerateRequest generate;
  generate.prompt = prompt.tokens;
  generate.max_new_tokens = request.max_new_tokens;
  generate.sampling = request.sampling;
  generate.filter = filter_;
  generate.written = &reader;
  generate.observer = &observer;
  COE_TRY(const auto generation, engine_->generate(generate));
  COE_TRY_STATUS(reader.status());

  ChatAnswer answer;
  answer.n_token_prompt = prompt.tokens.size();
  answer.n_token = generation.tokens.size();
  if (reader.looped())
    answer.end = AnswerEnd::kLoop;
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
