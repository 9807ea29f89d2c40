#include "coe/measure/chat_check/chat_check.h"

#include "coe/ask/answer/engine_answerer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace coe {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

std::size_t ChatCheck::n_bad() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      answers, [](const ChatCheckAnswer& answer) { return answer.faults.any(); }));
}

std::size_t ChatCheck::n_with(bool ChatFaults::* fault) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      answers, [&](const ChatCheckAnswer& answer) { return answer.faults.*fault; }));
}

bool ChatCheck::passed() const { return !answers.empty() && n_bad() * 4 <= answers.size(); }

Result<ChatCheck> check_chats(Engine& engine, std::span<const ChatQuestion> questions,
                              const ChatCheckOptions& options, std::string_view name,
                              Observer& observer) {
  ChatCheck check;
  check.engine = engine.info().engine;
  check.n_question = questions.size();
  auto answerer = EngineAnswerer::create(engine, {});
  if (!answerer && answerer.error().code == Code::kUnsupported) {
    check.not_run = answerer.error().message;
    return check;
  }
  if (!answerer) return tl::unexpected(std::move(answerer).error());
  const auto start = Clock::now();
  for (std::size_t i = 0; i < questions.size(); ++i) {
    observer.progress(name, i, questions.size(), "questions");
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    const ChatMessage message = {"user", questions[i].text};
    AnswerRequest request;
    request.messages = {&message, 1};
    request.max_new_tokens = options.max_new_tokens;
    request.sampling = {.temperature = 0.0F};
    request.stops = [&] { return seconds_since(start) > options.max_seconds; };
    auto answer = answerer->answer(request, observer);
    if (!answer && answer.error().code == Code::kInvalidArgument) continue;  // fills the context
    if (!answer) return tl::unexpected(std::move(answer).error());
    if (answer->end == AnswerEnd::kStopped) break;
    check.answers.push_back({questions[i], answer->thinking, answer->content, answer->n_token,
                             answer->end == AnswerEnd::kTurn, judge_answer(*answer)});
  }
  observer.progress(name, questions.size(), questions.size(), "questions");
  if (check.answers.empty())
    check.not_run = questions.empty()
                        ? std::string("there is no held-out text to ask about")
                        : fmt::format(
                              "no question was answered in {:.0f} s and a context of {} "
                              "tokens",
                              options.max_seconds, engine.info().n_ctx);
  return check;
}

std::string chat_fault_words(const ChatCheck& check) {
  if (check.n_bad() == 0) return {};
  struct Kind {
    bool ChatFaults::* fault;
    const char* one;
    const char* many;
  };
  static constexpr std::array<Kind, 4> kKinds = {
      {{&ChatFaults::thinks, "thinks all the same", "think all the same"},
       {&ChatFaults::markers, "holds markers of the template", "hold markers of the template"},
       {&ChatFaults::empty, "is empty", "are empty"},
       {&ChatFaults::loops, "loops", "loop"}}};
  std::vector<std::string> parts;
  for (const auto& kind : kKinds)
    if (const auto n = check.n_with(kind.fault); n > 0)
      parts.push_back(fmt::format("{} {}", n, n == 1 ? kind.one : kind.many));
  return fmt::format("{} of {} answers: {}", check.n_bad(), check.answers.size(),
                     fmt::join(parts, ", "));
}

}  // namespace coe
