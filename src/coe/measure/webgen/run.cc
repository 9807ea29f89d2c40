#include "coe/measure/webgen/run.h"

#include "coe/base/hash.h"
#include "coe/base/jobs.h"
#include "coe/measure/webgen/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace coe {

namespace {

constexpr unsigned kMostBrowsers = 8;

// Returns the key of what an outcome belongs to: the suite as it is, and the very text.
std::string key_of(const WebSuite& suite, const WebAttempt& attempt) {
  return digest_of(fmt::format("{}\n{}\n{}\n{}\n{}", suite.digest, suite.tasks[attempt.task].id,
                               attempt.name, attempt.is_source, attempt.text));
}

Result<WebOutcome> outcome_of(const WebTask& task, const WebAttempt& attempt, TrialResult result,
                              const Path& pictures) {
  WebOutcome out{
      attempt.task,   attempt.name,      std::move(result.fault), {}, std::move(result.blocked),
      result.seconds, result.peak_memory};
  if (pictures.empty()) return out;
  for (const auto& picture : result.pictures) {
    const auto file = fmt::format("{}-{}-{}.png", task.id, attempt.name, picture.name);
    COE_TRY_STATUS(write_file(pictures / file, picture.png, Overwrite::kAllow));
    out.pictures.push_back(file);
  }
  return out;
}

// Attempts, what they came to, and which are still due.
class WebRun {
 public:
  WebRun(const WebSuite& suite, std::span<const WebAttempt> attempts, const WebRunOptions& options,
         WebJournal& journal)
      : suite_(suite),
        attempts_(attempts),
        options_(options),
        journal_(journal),
        starved_(attempts.size(), 0),
        out_(attempts.size()) {
    keys_.reserve(attempts.size());
    for (std::size_t i = 0; i < attempts.size(); ++i) {
      keys_.push_back(key_of(suite, attempts[i]));
      if (const auto* known = journal.find(keys_.back())) {
        out_[i] = *known;
        out_[i].task = attempts[i].task;
        out_[i].name = attempts[i].name;
      } else {
        due_.push_back(i);
      }
    }
  }

  std::size_t n_due() const { return due_.size(); }
  std::vector<WebOutcome> take() { return std::move(out_); }

  // Tries what is due. What failed because the machine was busy stays due and is not kept.
  Status try_due(const std::string& axe, unsigned n_browser, int patience, Observer& observer) {
    JobPlan plan{due_.size(), "pages", due_.size(), "answers", n_browser};
    const auto worker = [&]() -> Worker {
      auto tester = std::make_shared<Tester>(suite_, options_.browser, axe, patience);
      return [this, tester](std::size_t job) -> Result<std::uint64_t> {
        COE_TRY_STATUS(try_one(*tester, due_[job]));
        return 1;
      };
    };
    auto ran = run_jobs(plan, worker, observer);
    if (!ran && ran.error().code == Code::kCancelled)
      return fail(Code::kCancelled, "pages: interrupted",
                  options_.journal.empty() ? "" : "the same command goes on from there");
    std::erase_if(due_, [&](std::size_t i) { return starved_[i] == 0; });
    return ran;
  }

 private:
  Status try_one(Tester& tester, std::size_t i) {
    const auto& attempt = attempts_[i];
    const auto& task = suite_.tasks[attempt.task];
    COE_TRY(auto result, attempt.is_source ? tester.try_answer(task, attempt.text)
                                           : tester.try_reply(task, attempt.text));
    starved_[i] = result.starved ? 1 : 0;
    COE_TRY(out_[i], outcome_of(task, attempt, std::move(result), options_.pictures));
    return starved_[i] == 0 ? journal_.add(keys_[i], out_[i]) : Status();
  }

  const WebSuite& suite_;
  std::span<const WebAttempt> attempts_;
  const WebRunOptions& options_;
  WebJournal& journal_;
  std::vector<char> starved_;  // not of bool: several threads write
  std::vector<WebOutcome> out_;
  std::vector<std::string> keys_;
  std::vector<std::size_t> due_;
};

}  // namespace

Result<std::vector<WebOutcome>> try_all(const WebSuite& suite, std::span<const WebAttempt> attempts,
                                        const WebRunOptions& options, Observer& observer) {
  if (!options.pictures.empty()) COE_TRY_STATUS(make_folder(options.pictures));
  COE_TRY(const auto journal, WebJournal::open(options.journal, suite.digest, options.restart));
  WebRun run(suite, attempts, options, *journal);
  if (run.n_due() == 0) return run.take();
  COE_TRY(const auto axe, axe_source(suite.folder));
  const unsigned n_core = std::max(1U, std::thread::hardware_concurrency());
  const unsigned n_parallel =
      options.n_parallel > 0 ? options.n_parallel : std::min(n_core, kMostBrowsers);
  COE_TRY_STATUS(run.try_due(axe, n_parallel, 1, observer));
  if (run.n_due() == 0) return run.take();
  // What failed on a busy machine is tried again, alone and with more time.
  constexpr int kPatience = 4;
  COE_TRY_STATUS(run.try_due(axe, 1, kPatience, observer));
  if (run.n_due() > 0)
    observer.warning(fmt::format(
        "{} of the answers failed while the machine had little time for their browsers; the same "
        "command tries these again: give it a quieter machine, or fewer --browsers",
        run.n_due()));
  return run.take();
}

}  // namespace coe
