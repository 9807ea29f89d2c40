#include "coe/ask/ask.h"

#include "coe/base/hash.h"
#include "coe/base/jobs.h"
#include "coe/base/rng.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace coe {

namespace {

constexpr std::size_t kMostFailuresInARow = 5;

// The threads share this. Only the calling thread speaks to the observer.
class Crew : public Observer {
 public:
  Crew(Answerer& answerer, const AskOptions& options, Journal& journal, Observer& observer)
      : answerer_(answerer), options_(options), journal_(journal), observer_(observer) {}

  // The calling thread calls this, from run_jobs.
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total,
                std::string_view unit) override {
    std::vector<std::string> warnings;
    {
      const std::scoped_lock lock(mutex_);
      warnings.swap(warnings_);
    }
    for (const auto& message : warnings) observer_.warning(message);
    observer_.progress(stage, done, total, unit);
  }
  void warning(std::string_view message) override { observer_.warning(message); }
  bool cancelled() override {
    if (observer_.cancelled()) stop_ = true;
    return stop_ && !error_stops_;
  }

  // Any thread calls this. Returns the number of questions that it has done with.
  Result<std::uint64_t> ask(std::uint64_t index, const AskedQuestion& question) {
    std::vector<ChatMessage> messages;
    const auto& system = question.system.empty() ? options_.system : question.system;
    if (!system.empty()) messages.push_back({"system", system});
    messages.push_back({"user", question.text});
    AnswerRequest request;
    request.messages = messages;
    request.thinking = options_.thinking;
    request.max_new_tokens = options_.max_new_tokens;
    request.sampling = options_.sampling;
    request.sampling.seed = derived_seed(options_.sampling.seed, index);
    request.guard_loops = options_.guard_loops;
    request.loop = options_.loop;
    Asker asker(*this);
    auto status = settle(index, answerer_.answer(request, asker));
    if (status) return 1;
    // Another thread's error has ended the run: that is the one to tell of.
    if (error_stops_ && status.error().code == Code::kCancelled) return 0;
    if (status.error().code == Code::kCancelled) return tl::unexpected(std::move(status).error());
    error_stops_ = true;  // before stop_: the others' interruption is not the user's
    stop_ = true;
    return tl::unexpected(std::move(status).error());
  }

  // Failures after which there was no answer any more, but too few to doubt the answerer.
  Status finish() {
    for (auto& [index, entry] : std::exchange(pending_, {}))
      COE_TRY_STATUS(journal_.add(index, std::move(entry)));
    return {};
  }

  std::uint64_t n_asked() const { return n_asked_; }
  std::uint64_t n_token() const { return n_token_; }

 private:
  // A thread's question sees this much of the run.
  class Asker : public Observer {
   public:
    explicit Asker(Crew& crew) : crew_(crew) {}
    void warning(std::string_view message) override {
      const std::scoped_lock lock(crew_.mutex_);
      crew_.warnings_.emplace_back(message);
    }
    bool cancelled() override { return crew_.stop_; }

   private:
    Crew& crew_;
  };

  Status settle(std::uint64_t index, Result<ChatAnswer> answer) {
    const std::scoped_lock lock(mutex_);
    if (answer) {
      COE_TRY_STATUS(finish());
      ++n_asked_;
      n_token_ += answer->n_token;
      const Outcome outcome = outcome_of(*answer);
      return journal_.add(index, {outcome, *std::move(answer), {}});
    }
    auto& error = answer.error();
    // It is this question's or its answer's own fault.
    if (error.code == Code::kInvalidArgument || error.code == Code::kCorrupt) {
      ++n_asked_;
      return journal_.add(index, {Outcome::kFailed, {}, error.message});
    }
    if (error.code != Code::kEngine) return tl::unexpected(std::move(error));
    pending_.emplace_back(index, JournalEntry{Outcome::kFailed, {}, error.message});
    if (pending_.size() < kMostFailuresInARow) {
      ++n_asked_;
      return {};
    }
    error.message += fmt::format(" ({} questions in a row got no answer)", pending_.size());
    pending_.clear();
    return tl::unexpected(std::move(error));
  }

  Answerer& answerer_;
  const AskOptions& options_;
  Journal& journal_;
  Observer& observer_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> error_stops_ = false;
  std::mutex mutex_;  // guards the rest, and the journal
  std::vector<std::string> warnings_;
  std::vector<std::pair<std::uint64_t, JournalEntry>> pending_;
  std::uint64_t n_asked_ = 0;
  std::uint64_t n_token_ = 0;
};

}  // namespace

AskOptions specialist_defaults() {
  AskOptions options;
  options.thinking = false;
  options.max_new_tokens = 16384;
  options.sampling.temperature = 0.6F;
  options.sampling.repeat_penalty = 1.05F;
  options.sampling.repeat_last_n = 1024;
  return options;
}

std::string settings_of(const AskOptions& options) {
  const auto& sampling = options.sampling;
  auto text = fmt::format("think={} max_new_tokens={} temperature={} top_k={} top_p={} seed={}",
                          options.thinking ? "on" : "off", options.max_new_tokens,
                          sampling.temperature, sampling.top_k, sampling.top_p, sampling.seed);
  if (sampling.repeat_penalty != 1.0F)
    text += fmt::format(" repeat_penalty={} repeat_last_n={}", sampling.repeat_penalty,
                        sampling.repeat_last_n);
  if (options.guard_loops)
    text += fmt::format(" loop={}/{}/{}/{}", options.loop.min_chars, options.loop.tail_chars,
                        options.loop.window_chars, options.loop.hold_chars);
  if (!options.system.empty()) text += " system=" + digest_of(options.system);
  return text;
}

Result<AskReport> ask_all(Answerer& answerer, std::span<const std::uint64_t> questions,
                          const std::function<AskedQuestion(std::uint64_t)>& question,
                          const AskOptions& options, Journal& journal, std::string_view stage,
                          Observer& observer) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::uint64_t> to_ask;
  for (const auto index : questions) {
    const auto found = journal.entries().find(index);
    if (found == journal.entries().end() ||
        (options.retry_failed && !is_answered(found->second.outcome)))
      to_ask.push_back(index);
  }
  Crew crew(answerer, options, journal, observer);
  JobPlan plan;
  plan.n_job = to_ask.size();
  plan.stage = stage;
  plan.total = to_ask.size();
  plan.unit = "answers";
  plan.n_thread = options.n_parallel;
  auto status = run_jobs(
      plan,
      [&] { return [&](std::size_t job) { return crew.ask(to_ask[job], question(to_ask[job])); }; },
      crew);
  if (status) status = crew.finish();
  if (!status && status.error().code == Code::kCancelled)
    return fail(Code::kCancelled,
                fmt::format("interrupted with {} of {} questions answered",
                            journal.entries().size(), questions.size()),
                "the same command goes on from there");
  COE_TRY_STATUS(status);
  return AskReport{crew.n_asked(), crew.n_token(),
                   std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

}  // namespace coe
