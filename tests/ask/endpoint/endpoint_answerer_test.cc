// The client against a server that does what servers do on bad days.
#include "coe/ask/endpoint/endpoint_answerer.h"

#include "support/expect.h"
#include "support/mock_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::MockEndpoint;
using coe::testing::MockReply;
using coe::testing::MockRequest;
using coe::testing::value_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using std::chrono::milliseconds;

struct Listener : Observer {
  std::vector<std::string> warnings;
  std::atomic<bool> stop = false;
  void warning(std::string_view message) override { warnings.emplace_back(message); }
  bool cancelled() override { return stop; }
};

EndpointOptions options_for(const MockEndpoint& server) {
  EndpointOptions options;
  options.url = server.url();
  options.retry = {
      .n_attempt = 3, .first_seconds = 0.01, .most_seconds = 0.02, .wait_seconds = 20.0};
  return options;
}

std::unique_ptr<EndpointAnswerer> connect(const EndpointOptions& options) {
  return value_of(EndpointAnswerer::connect(options, silent_observer()));
}

Result<ChatAnswer> ask(EndpointAnswerer& answerer, Observer& observer,
                       const std::string& question = "1+1?", bool thinking = true) {
  const ChatMessage message = {"user", question};
  AnswerRequest request;
  request.messages = {&message, 1};
  request.thinking = thinking;
  return answerer.answer(request, observer);
}

ChatAnswer answer_of(const MockEndpoint& server) {
  return value_of(ask(*connect(options_for(server)), silent_observer()));
}

MockEndpoint::Script always(MockReply reply) {
  return [reply](const MockRequest&) { return reply; };
}

// One of the replies after the other, then the last.
MockEndpoint::Script in_turn(std::vector<MockReply> replies) {
  return [replies](const MockRequest& request) {
    return replies[std::min(request.index, replies.size() - 1)];
  };
}

MockReply refusal(int status, const std::string& message) {
  return {.status = status, .body = Json{{"error", {{"message", message}}}}.dump()};
}

TEST(EndpointAnswerer, GetsAnAnswer) {
  const MockEndpoint server(always({.content = "It is 2. €", .thinking = "one and one"}));
  const auto answerer = connect(options_for(server));
  EXPECT_EQ(answerer->info().model, "mock");
  EXPECT_EQ(answerer->info().server, server.url() + " (openai)");
  const auto answer = value_of(ask(*answerer, silent_observer()));
  EXPECT_EQ(answer.content, "It is 2. €");
  EXPECT_EQ(answer.thinking, "one and one");
  EXPECT_EQ(answer.end, AnswerEnd::kTurn);
  EXPECT_EQ(answer.n_token_prompt, 7U);
  EXPECT_EQ(answer.n_token, 6U);
  EXPECT_TRUE(answer.n_token_known);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].question, "1+1?");
  EXPECT_EQ(requests[0].headers.at("content-type"), "application/json");
  EXPECT_FALSE(requests[0].headers.contains("authorization"));
}

TEST(EndpointAnswerer, FindsThinkingWhereverItIs) {
  for (const char* field : {"reasoning_content", "reasoning", "thinking"}) {
    const MockEndpoint server(
        always({.content = "use <think> tags", .thinking = "hm", .thinking_field = field}));
    const auto answer = answer_of(server);
    EXPECT_EQ(answer.thinking, "hm") << field;
    EXPECT_EQ(answer.content, "use <think> tags") << field;
  }
  const MockEndpoint inside(always({.content = "<think>\nhm\n</think>\n\nyes", .piece_bytes = 1}));
  EXPECT_EQ(answer_of(inside).thinking, "hm");
  EXPECT_EQ(answer_of(inside).content, "yes");
  const MockEndpoint unclosed(always({.content = "<think>hm, on and on", .finish = "length"}));
  const auto cut = answer_of(unclosed);
  EXPECT_EQ(cut.thinking, "hm, on and on");
  EXPECT_EQ(cut.content, "");
  EXPECT_EQ(cut.end, AnswerEnd::kLength);
  // Of families whose servers leave it where it is; nobody has to say so.
  for (const char* text :
       {"<|channel>thought\nhm\n<channel|>yes",
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final"
        "<|message|>yes"}) {
    const MockEndpoint server(always({.content = text}));
    EXPECT_EQ(answer_of(server).thinking, "hm") << text;
    EXPECT_EQ(answer_of(server).content, "yes") << text;
  }
  const MockEndpoint own(always({.content = "<plan>hm</plan>yes"}));
  auto options = options_for(own);
  options.markers.push_back({"<plan>", "</plan>"});
  EXPECT_EQ(value_of(ask(*connect(options), silent_observer())).thinking, "hm");
}

TEST(EndpointAnswerer, WarnsOfMarkersThatItDoesNotKnow) {
  const MockEndpoint server(always({.content = "<|channel>plan\nhm<channel|>yes"}));
  const auto answerer = connect(options_for(server));
  Listener listener;
  value_of(ask(*answerer, listener));
  value_of(ask(*answerer, listener));
  EXPECT_THAT(listener.warnings, ElementsAre(HasSubstr("the marker `<|channel>plan`"),
                                             HasSubstr("the marker `<channel|>`")));
}

TEST(EndpointAnswerer, SaysOnceThatThinkingIsEncrypted) {
  const MockEndpoint server(always(
      {.body = R"({"choices":[{"finish_reason":"stop","message":{"content":null,"refusal":"No.",)"
               R"("reasoning_details":[{"type":"reasoning.encrypted","data":"AAA="}]}}]})"}));
  const auto answerer = connect(options_for(server));
  Listener listener;
  const auto answer = value_of(ask(*answerer, listener));
  EXPECT_EQ(answer.content, "No.");
  EXPECT_EQ(answer.thinking, "");
  EXPECT_EQ(answer.end, AnswerEnd::kTurn);
  value_of(ask(*answerer, listener));
  EXPECT_THAT(listener.warnings,
              ElementsAre(HasSubstr("an answer holds encrypted thinking in `reasoning_details`, "
                                    "which is left out")));
}

TEST(EndpointAnswerer, AcceptsAnEmptyAnswerAndOneThatIsNotStreamed) {
  const MockEndpoint empty(always({.content = ""}));
  EXPECT_EQ(answer_of(empty).content, "");
  const MockEndpoint whole(
      always({.body = R"({"choices":[{"message":{"content":"2"},"finish_reason":"stop"}]})"}));
  const auto answer = answer_of(whole);
  EXPECT_EQ(answer.content, "2");
  EXPECT_EQ(answer.n_token_prompt, 0U);
  EXPECT_FALSE(answer.n_token_known);
}

TEST(EndpointAnswerer, SpeaksOllamasProtocolWithOllama) {
  const MockEndpoint server(
      always({.content = "2", .thinking = "hm", .thinking_field = "thinking"}),
      MockEndpoint::Kind::kOllama, {"gemma4:26b"});
  const auto answerer = connect(options_for(server));
  EXPECT_EQ(answerer->info().model, "gemma4:26b");
  const auto answer = value_of(ask(*answerer, silent_observer(), "q", false));
  EXPECT_EQ(answer.content, "2");
  EXPECT_EQ(answer.thinking, "hm");
  EXPECT_EQ(answer.n_token, 2U);
  const auto request = server.requests().at(0);
  EXPECT_EQ(request.path, "/api/chat");
  EXPECT_EQ(Json::parse(request.body).at("think"), false);
}

// It never reaches a journal or a terminal, however the server cuts its text or its message is cut.
TEST(EndpointAnswerer, KeepsItsKeyOutOfAllText) {
  auto options = EndpointOptions();
  const auto said = [&](MockReply reply) {
    const MockEndpoint server(always(std::move(reply)));
    options = options_for(server);
    options.key = "sk-secret-1234";
    options.retry.n_attempt = 1;
    return ask(*connect(options), silent_observer());
  };
  for (const std::size_t piece_bytes : {1U, 4U, 100U}) {
    const auto answer = value_of(said({.content = "It is sk-secret-1234.",
                                       .thinking = "sk-secret-1234?",
                                       .piece_bytes = piece_bytes}));
    EXPECT_EQ(answer.content, "It is ….");
    EXPECT_EQ(answer.thinking, "…?");
  }
  for (std::size_t n = 0; n < 310; ++n) {
    const auto result = said({.status = 400, .body = std::string(n, 'x') + "sk-secret-1234"});
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, Not(HasSubstr("sk-"))) << n;
    n += n < 270 ? 53 : 0;
  }
  for (const char* body : {R"({"choices":[{"error":{"message":"sk-secret-1234"}}]})",
                           R"({"error":"bad key sk\u002dsecret-1234"})", "data: sk-secret-1234\n\n",
                           R"({"choices":[{"finish_reason":"sk-secret-1234"}]})"}) {
    const auto result = said({.body = body});
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, Not(HasSubstr("secret"))) << body;
  }
  const MockEndpoint named(always({}), MockEndpoint::Kind::kOpenAi, {"sk-secret-1234"});
  options.url = named.url();
  EXPECT_EQ(connect(options)->info().model, "…");
}

TEST(EndpointAnswerer, SendsItsKeyAndNeverSaysIt) {
  const MockEndpoint server([](const MockRequest& request) {
    return request.headers.at("authorization") == "Bearer sk-secret"
               ? refusal(401, "sk-secret is no key of ours")
               : MockReply{};
  });
  auto options = options_for(server);
  options.key = "sk-secret";
  const auto result = ask(*connect(options), silent_observer());
  expect_error(result, Code::kEngine, "HTTP status 401: … is no key of ours");
  EXPECT_THAT(result.error().hint, HasSubstr("COE_API_KEY"));
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(EndpointAnswerer, StopsALoop) {
  const MockEndpoint server(always({.content = "and so on, ", .endless = true}));
  const auto answer = answer_of(server);
  EXPECT_EQ(answer.end, AnswerEnd::kLoop);
  EXPECT_GE(answer.content.size(), 1400U);
  EXPECT_LT(answer.content.size(), 1410U);
  EXPECT_FALSE(answer.n_token_known);
  EXPECT_EQ(answer.n_token, 127U * 3U + 1U);  // three pieces for 11 characters; 1,400 = 127·11 + 3
  EXPECT_TRUE(server.wait_closed(1));
}

TEST(EndpointAnswerer, TriesAgainWhatMayPass) {
  const MockReply broken = {.content = "half of it", .drop_after = 1};
  const MockReply garbage = {.body = "{\"choices\":[{\"delta\":"};
  for (const auto& bad :
       {refusal(500, "busy"), refusal(502, "gone"), refusal(408, "slow"), broken, garbage}) {
    const MockEndpoint server(in_turn({bad, bad, {.content = "fine"}}));
    EXPECT_EQ(answer_of(server).content, "fine");
    EXPECT_EQ(server.requests().size(), 3U);
    const MockEndpoint hopeless(always(bad));
    expect_error(ask(*connect(options_for(hopeless)), silent_observer()), Code::kEngine,
                 "(after 3 attempts)");
    EXPECT_EQ(hopeless.requests().size(), 3U);
  }
}

// Neither a text nor a name of 17 MB is asked for again: it would be as long.
TEST(EndpointAnswerer, GivesUpAnAnswerThatIsTooLarge) {
  const std::string large(std::size_t{17} << 20, 'x');
  for (const auto& event :
       {Json{{"choices", {{{"delta", {{"content", large}}}, {"finish_reason", "stop"}}}}},
        Json{{"id", large}, {"choices", {{{"finish_reason", "stop"}}}}}}) {
    const MockEndpoint server(always({.body = "data: " + event.dump() + "\n\n"}));
    expect_error(ask(*connect(options_for(server)), silent_observer()), Code::kCorrupt,
                 "the server sends more than 16777216 bytes");
    EXPECT_EQ(server.requests().size(), 1U);
  }
}

TEST(EndpointAnswerer, WaitsAsLongAsItIsAsked) {
  auto busy = refusal(429, "slow down");
  busy.headers["Retry-After"] = "1";
  const MockEndpoint server(in_turn({busy, {.content = "fine"}}));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(answer_of(server).content, "fine");
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(1000));
  busy.headers["Retry-After"] = "86400";
  const MockEndpoint closed(always(busy));
  expect_error(ask(*connect(options_for(closed)), silent_observer()), Code::kEngine,
               "HTTP status 429: slow down");
  EXPECT_EQ(closed.requests().size(), 1U);
}

TEST(EndpointAnswerer, WaitsForAServerThatIsNotReady) {
  for (const int status : {503, 429}) {
    const MockReply busy = refusal(status, "Loading model");
    const MockEndpoint server(
        in_turn({busy, busy, busy, busy, busy, busy, busy, {.content = "fine"}}));
    Listener listener;
    auto options = options_for(server);
    const auto answerer = connect(options);
    EXPECT_EQ(value_of(ask(*answerer, listener)).content, "fine");
    EXPECT_EQ(server.requests().size(), 8U);
    EXPECT_THAT(listener.warnings, ElementsAre(HasSubstr("Loading model: waiting for it")));
    const MockEndpoint hopeless(always(busy));
    options = options_for(hopeless);
    options.retry.wait_seconds = 0.2;
    expect_error(ask(*connect(options), silent_observer()), Code::kEngine, "Loading model (waited");
    EXPECT_GT(hopeless.requests().size(), 3U);
  }
  auto busy = refusal(429, "Rate limit reached. Please try again in 1s.");
  const MockEndpoint server(in_turn({busy, {.content = "fine"}}));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(answer_of(server).content, "fine");
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(1000));
  EXPECT_EQ(server.requests().size(), 2U);
}

// The server starts after the client.
TEST(EndpointAnswerer, WaitsUntilTheServerListens) {
  int port = 0;
  {
    const MockEndpoint gone(always({}));
    port = gone.port();
  }
  EndpointOptions options;
  options.url = "127.0.0.1:" + std::to_string(port);
  options.retry = {.first_seconds = 0.01, .wait_seconds = 20.0};
  std::unique_ptr<MockEndpoint> server;
  std::thread later([&] {
    std::this_thread::sleep_for(milliseconds(300));
    server =
        std::make_unique<MockEndpoint>(always({.content = "fine"}), MockEndpoint::Kind::kOpenAi,
                                       std::vector<std::string>{"mock"}, port);
  });
  Listener listener;
  const auto answerer = value_of(EndpointAnswerer::connect(options, listener));
  later.join();
  EXPECT_EQ(value_of(ask(*answerer, listener)).content, "fine");
  EXPECT_THAT(listener.warnings, ElementsAre(HasSubstr("Failed to connect")));
}

TEST(EndpointAnswerer, ReadsNoMoreOfAnErrorThanItShows) {
  const MockEndpoint server(always({.status = 500, .endless = true, .body = "Oops"}));
  auto options = options_for(server);
  options.retry.n_attempt = 1;
  expect_error(ask(*connect(options), silent_observer()), Code::kEngine, "HTTP status 500: Oops");
  EXPECT_TRUE(server.wait_closed(1));
}

TEST(EndpointAnswerer, DoesNotRepeatWhatCannotPass) {
  const MockEndpoint server(always(refusal(404, "model `x` not found")));
  auto options = options_for(server);
  options.model = "x";
  const auto result = ask(*connect(options), silent_observer());
  expect_error(result, Code::kEngine, server.url() + ": HTTP status 404: model `x` not found");
  EXPECT_THAT(result.error().hint, HasSubstr("--model"));
  EXPECT_EQ(server.requests().size(), 1U);
  const MockEndpoint full(
      always({.status = 400,
              .body = R"({"error":{"message":"too long","type":"exceed_context_size_error"}})"}));
  expect_error(ask(*connect(options_for(full)), silent_observer()), Code::kInvalidArgument,
               "too long");
}

TEST(EndpointAnswerer, LeavesOutWhatTheServerRefuses) {
  const MockEndpoint server([](const MockRequest& request) {
    for (const auto* field : {"chat_template_kwargs", "min_p"}) {
      if (Json::parse(request.body).contains(field))
        return refusal(400, std::string("Unrecognized request argument supplied: ") + field);
    }
    return MockReply{.content = "fine"};
  });
  const auto answerer = connect(options_for(server));
  Listener listener;
  EXPECT_EQ(value_of(ask(*answerer, listener)).content, "fine");
  EXPECT_EQ(server.requests().size(), 3U);
  EXPECT_EQ(value_of(ask(*answerer, listener)).content, "fine");
  EXPECT_EQ(server.requests().size(), 4U);  // remembered
  EXPECT_THAT(listener.warnings,
              ElementsAre(HasSubstr("`chat_template_kwargs`"), HasSubstr("`min_p`")));
  // A refusal of something else is one.
  const MockEndpoint strict(always(refusal(400, "messages must not be empty")));
  expect_error(ask(*connect(options_for(strict)), silent_observer()), Code::kEngine,
               "HTTP status 400: messages must not be empty");
}

TEST(EndpointAnswerer, SendsMaxTokensByItsOtherName) {
  const MockEndpoint server([](const MockRequest& request) {
    if (Json::parse(request.body).contains("max_tokens"))
      return refusal(400, "'max_tokens' is not supported. Use 'max_completion_tokens' instead.");
    return MockReply{.content = "fine"};
  });
  Listener listener;
  EXPECT_EQ(value_of(ask(*connect(options_for(server)), listener)).content, "fine");
  EXPECT_EQ(Json::parse(server.requests().at(1).body).at("max_completion_tokens"), 2048);
  EXPECT_THAT(listener.warnings, ElementsAre(HasSubstr("sent as `max_completion_tokens`")));
}

TEST(EndpointAnswerer, KnowsAPageWhenItSeesOne) {
  const MockEndpoint server(always({.body = "<!DOCTYPE html><html><body>Sign in</body></html>"}));
  const auto result = ask(*connect(options_for(server)), silent_observer());
  expect_error(result, Code::kEngine, "an HTML page");
  EXPECT_THAT(result.error().hint, HasSubstr("address of its API"));
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(EndpointAnswerer, DoesNotWaitForEver) {
  const MockEndpoint mute(always({.content = "late", .delay = milliseconds(400)}));
  auto options = options_for(mute);
  options.retry.n_attempt = 1;
  options.limits.idle_seconds = 0.1;
  expect_error(ask(*connect(options), silent_observer()), Code::kEngine, "nothing came for 0.1 s");
  // A slow stream is not a silent one, but may take too long.
  const MockEndpoint slow(
      always({.content = "a b c d e f g h", .piece_bytes = 2, .piece_delay = milliseconds(60)}));
  options.url = slow.url();
  options.limits.idle_seconds = 0.3;
  EXPECT_EQ(value_of(ask(*connect(options), silent_observer())).content, "a b c d e f g h");
  options.limits.total_seconds = 0.2;
  expect_error(ask(*connect(options), silent_observer()), Code::kEngine, "not done after 0.2 s");
}

// Comments and single bytes keep a connection alive without end.
TEST(EndpointAnswerer, LimitsTheTimeOfAnAnswer) {
  EXPECT_GT(HttpLimits().total_seconds, 0.0);
  const MockEndpoint server(
      always({.endless = true, .piece_delay = milliseconds(20), .body = ": ping\n\n"}));
  auto options = options_for(server);
  options.retry.n_attempt = 1;
  options.limits.idle_seconds = 5.0;
  options.limits.total_seconds = 0.3;
  expect_error(ask(*connect(options), silent_observer()), Code::kEngine, "not done after 0.3 s");
}

TEST(EndpointAnswerer, CanBeInterrupted) {
  const MockEndpoint server(
      always({.content = "x ", .endless = true, .piece_delay = milliseconds(5)}));
  const auto answerer = connect(options_for(server));
  Listener listener;
  std::thread later([&] {
    std::this_thread::sleep_for(milliseconds(100));
    listener.stop = true;
  });
  expect_error(ask(*answerer, listener), Code::kCancelled, "interrupted");
  later.join();
  EXPECT_TRUE(server.wait_closed(1));
  // Also while it waits to try again.
  auto busy = refusal(429, "slow down");
  busy.headers["Retry-After"] = "60";
  const MockEndpoint closed(always(busy));
  expect_error(ask(*connect(options_for(closed)), listener), Code::kCancelled, "interrupted");
}

TEST(EndpointAnswerer, ShowsTheTextAsItIsWritten) {
  const MockEndpoint server(always({.content = "yes", .thinking = "hm"}));
  const auto answerer = connect(options_for(server));
  const ChatMessage message = {"user", "q"};
  AnswerRequest request;
  request.messages = {&message, 1};
  std::string seen;
  request.on_text = [&](std::string_view piece, bool thinking) {
    seen += thinking ? "(" + std::string(piece) + ")" : std::string(piece);
    return Status();
  };
  value_of(answerer->answer(request, silent_observer()));
  EXPECT_EQ(seen, "(hm)yes");
  request.on_text = [](std::string_view, bool) -> Status { return fail(Code::kIo, "disk full"); };
  expect_error(answerer->answer(request, silent_observer()), Code::kIo, "disk full");
  EXPECT_EQ(server.requests().size(), 2U);  // no second attempt at that
}

TEST(EndpointAnswerer, SaysWhatIsWrongWhenItConnects) {
  int port = 0;
  {
    const MockEndpoint gone(always({}));
    port = gone.port();
  }
  EndpointOptions options;
  options.url = "127.0.0.1:" + std::to_string(port);
  options.model = "m";
  options.retry.wait_seconds = 0.0;
  expect_error(EndpointAnswerer::connect(options, silent_observer()), Code::kEngine,
               "http://127.0.0.1:" + std::to_string(port) + "/api/version: Failed to connect");
  options.url = "nowhere://x";
  expect_error(EndpointAnswerer::connect(options, silent_observer()), Code::kInvalidArgument,
               "http and https");
  const MockEndpoint two(always({}), MockEndpoint::Kind::kOpenAi, {"a", "b"});
  const auto ambiguous = EndpointAnswerer::connect(options_for(two), silent_observer());
  expect_error(ambiguous, Code::kInvalidArgument, "2 models");
  EXPECT_THAT(ambiguous.error().hint, HasSubstr("a, b"));
  options = options_for(two);
  options.key = "a\r\nX: y";
  expect_error(EndpointAnswerer::connect(options, silent_observer()), Code::kInvalidArgument,
               "line break");
}

TEST(EndpointAnswerer, ServesSeveralThreads) {
  const MockEndpoint server([](const MockRequest& request) {
    if (Json::parse(request.body).contains("seed")) return refusal(400, "unknown field `seed`");
    return MockReply{.content = "answer to " + request.question};
  });
  const auto answerer = connect(options_for(server));
  std::vector<std::thread> threads;
  std::atomic<int> n_right = 0;
  std::atomic<std::size_t> n_warning = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Listener listener;
      for (int i = 0; i < 5; ++i) {
        const std::string question = std::to_string(t) + "." + std::to_string(i);
        const auto answer = ask(*answerer, listener, question);
        if (answer && answer->content == "answer to " + question) ++n_right;
      }
      n_warning += listener.warnings.size();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(n_right, 20);
  EXPECT_EQ(n_warning, 1U);
}

}  // namespace
}  // namespace coe
