#include "coe/measure/webgen/run.h"

#include "coe/base/hash.h"
#include "coe/base/jobs.h"
#include "coe/measure/webgen/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

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

}  // namespace

Result<std::vector<WebOutcome>> try_all(const WebSuite& suite, std::span<const WebAttempt> attempts,
                                        const WebRunOptions& options, Observer& observer) {
  if (!options.pictures.empty()) COE_TRY_STATUS(make_folder(options.pictures));
  COE_TRY(const auto journal, WebJournal::open(options.journal, suite.digest, options.restart));
  std::vector<WebOutcome> out(attempts.size());
  std::vector<std::string> keys;
  std::vector<std::size_t> due;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    keys.push_back(key_of(suite, attempts[i]));
    if (const auto* known = journal->find(keys.back())) {
      out[i] = *known;
      out[i].task = attempts[i].task;
      out[i].name = attempts[i].name;
    } else {
      due.push_back(i);
    }
  }
  if (due.empty()) return out;
  COE_TRY(const auto axe, axe_source(suite.folder));
  const unsigned n_core = std::max(1U, std::thread::hardware_concurrency());
  JobPlan plan{due.size(), "pages", due.size(), "answers",
               options.n_parallel > 0 ? options.n_parallel : std::min(n_core, kMostBrowsers)};
  const auto worker = [&]() -> Worker {
    auto tester = std::make_shared<Tester>(suite, options.browser, axe);
    return [&, tester](std::size_t job) -> Result<std::uint64_t> {
      const std::size_t i = due[job];
      const auto& attempt = attempts[i];
      const auto& task = suite.tasks[attempt.task];
      COE_TRY(auto result, attempt.is_source ? tester->try_answer(task, attempt.text)
                                             : tester->try_reply(task, attempt.text));
      COE_TRY(out[i], outcome_of(task, attempt, std::move(result), options.pictures));
      COE_TRY_STATUS(journal->add(keys[i], out[i]));
      return 1;
    };
  };
  const auto ran = run_jobs(plan, worker, observer);
  if (!ran && ran.error().code == Code::kCancelled)
    return fail(Code::kCancelled, "pages: interrupted",
                options.journal.empty() ? "" : "the same command goes on from there");
  COE_TRY_STATUS(ran);
  return out;
}

}  // namespace coe
