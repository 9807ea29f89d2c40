#include "coe/ask/answer/engine_answerer.h"

#include "coe/engine/fake_engine.h"

#include "support/expect.h"
#include "support/plain_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::kept_experts;
using coe::testing::value_of;

const ChatMessage kQuestion = {"user", "2+2?"};

AnswerRequest request() {
  AnswerRequest out;
  out.messages = {&kQuestion, 1};
  out.thinking = true;
  return out;
}

ChatAnswer answer_of(FakeEngine& engine, const AnswerRequest& request) {
  auto answerer = value_of(EngineAnswerer::create(engine, "fake.gguf"));
  return value_of(answerer.answer(request, silent_observer()));
}

TEST(EngineAnswerer, SplitsWhatTheModelWrites) {
  FakeEngine engine({.n_ctx = 128, .replies = {"<think>it is even</think>4"}});
  auto answerer = value_of(EngineAnswerer::create(engine, "fake.gguf"));
  EXPECT_EQ(answerer.info().model, "fake.gguf");
  EXPECT_EQ(answerer.info().server, "fake");
  const auto answer = value_of(answerer.answer(request(), silent_observer()));
  EXPECT_EQ(answer.thinking, "it is even");
  EXPECT_EQ(answer.content, "4");
  EXPECT_EQ(answer.end, AnswerEnd::kTurn);
  EXPECT_EQ(answer.n_token_prompt, std::string("<user>2+2?<model>").size());
  EXPECT_EQ(answer.n_token, std::string("<think>it is even</think>4").size());
  EXPECT_TRUE(answer.n_token_known);
}

TEST(EngineAnswerer, TellsHowTheAnswerEnded) {
  FakeEngine cut({.n_ctx = 128, .replies = {"<think>it is even</think>4"}});
  auto short_request = request();
  short_request.max_new_tokens = 10;
  const auto answer = answer_of(cut, short_request);
  EXPECT_EQ(answer.end, AnswerEnd::kLength);
  EXPECT_EQ(answer.thinking, "it");
  EXPECT_EQ(answer.content, "");

  std::string round;
  for (int i = 0; i < 1000; ++i) round += "ab";
  FakeEngine endless({.n_ctx = 4096, .replies = {"<think>" + round}});
  auto guarded = request();
  guarded.max_new_tokens = 4000;
  const auto looped = answer_of(endless, guarded);
  EXPECT_EQ(looped.end, AnswerEnd::kLoop);
  EXPECT_EQ(looped.n_token, 1400U);
  guarded.guard_loops = false;
  EXPECT_EQ(answer_of(endless, guarded).end, AnswerEnd::kTurn);
}

TEST(EngineAnswerer, ShowsTheTextAsItIsWritten) {
  FakeEngine engine({.n_ctx = 128, .replies = {"<think>hm</think>yes"}});
  std::string seen;
  auto watched = request();
  std::string thought;
  watched.on_text = [&](std::string_view piece, bool thinking) {
    (thinking ? thought : seen) += piece;
    return Status();
  };
  answer_of(engine, watched);
  EXPECT_EQ(thought, "hm");
  EXPECT_EQ(seen, "yes");

  // Whoever reads along may have read enough.
  int n = 0;
  watched.stops = [&] { return ++n == 19; };
  const auto stopped = answer_of(engine, watched);
  EXPECT_EQ(stopped.end, AnswerEnd::kStopped);
  EXPECT_EQ(stopped.content, "ye");
  EXPECT_EQ(stopped.n_token, 19U);
  watched.stops = nullptr;

  watched.on_text = [](std::string_view, bool) -> Status {
    return fail(Code::kIo, "no more room");
  };
  auto answerer = value_of(EngineAnswerer::create(engine, "fake.gguf"));
  expect_error(answerer.answer(watched, silent_observer()), Code::kIo, "no more room");
}

TEST(EngineAnswerer, RefusesWhatItCannotAsk) {
  FakeEngine mute({.has_chat = false});
  expect_error(EngineAnswerer::create(mute, "m"), Code::kUnsupported, "no chat template");
  FakeEngine small({.n_ctx = 16});
  auto answerer = value_of(EngineAnswerer::create(small, "m"));
  expect_error(answerer.answer(request(), silent_observer()), Code::kInvalidArgument,
               "leaves no room in the context (17 tokens of 16)");
  FakeEngine failing({.n_ctx = 64, .fail_at_decode = 1});
  auto broken = value_of(EngineAnswerer::create(failing, "m"));
  expect_error(broken.answer(request(), silent_observer()), Code::kEngine, "told to fail");
}

// A model under a filter answers as the filtered model does.
TEST(EngineAnswerer, TakesAFilter) {
  FakeEngine engine({.n_ctx = 64});
  const ExpertFilter filter{.kept = kept_experts({{0, {1}}}),
                            .substitutes = {}};  // fewer than a token uses
  auto answerer = value_of(EngineAnswerer::create(engine, "m", &filter));
  expect_error(answerer.answer(request(), silent_observer()), Code::kInvalidArgument,
               "keeps 1 experts");
}

}  // namespace
}  // namespace coe
